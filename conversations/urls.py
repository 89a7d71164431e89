from django.urls import URLPattern, URLResolver, path

from conversations.views import account, chat, conversations, projects, settings

app_name = "conversations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", chat.new_chat, name="new_chat"),
    path("c/<uuid:conversation_id>/", chat.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/messages/", chat.messages, name="messages"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/", chat.message, name="message"),
    path("conversations/", conversations.conversations, name="conversations"),
    path("archived/", conversations.archived, name="archived"),
    path("projects/", projects.projects, name="projects"),
    path("projects/new/", projects.new_project, name="new_project"),
    path("projects/<uuid:project_id>/", projects.project, name="project"),
    path("projects/<uuid:project_id>/settings/", projects.project_settings, name="project_settings"),
    path("projects/<uuid:project_id>/delete/", projects.delete_project, name="delete_project"),
    path("projects/<uuid:project_id>/files/", projects.project_files, name="project_files"),
    path("projects/<uuid:project_id>/files/download/", projects.download_file, name="download_file"),
    path("projects/<uuid:project_id>/files/delete/", projects.delete_file, name="delete_file"),
    path("first-start/", account.make_first_account, name="first_start"),
    path("sign-in/", account.SignIn.as_view(), name="sign_in"),
    path("sign-out/", account.SignOut.as_view(), name="sign_out"),
    path("settings/", settings.profile, name="settings_profile"),
    path("settings/display/", settings.display, name="settings_display"),
    path("settings/answers/", settings.answers, name="settings_answers"),
    path("settings/security/", settings.security, name="settings_security"),
    path("settings/security/end-session/", settings.end_session, name="end_session"),
    path("settings/tokens/", settings.tokens, name="settings_tokens"),
    path("settings/tokens/<int:token_id>/revoke/", settings.revoke_token, name="revoke_token"),
    path("settings/delete-account/", settings.delete_account, name="delete_account"),
    path("settings/time-zone/", settings.tell_time_zone, name="tell_time_zone"),
]
