from django.urls import URLPattern, URLResolver, path

from conversations.web.views import chat, conversations, projects, settings

app_name = "conversations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", chat.new_chat, name="new_chat"),
    path("c/<uuid:conversation_id>/", chat.conversation_detail, name="conversation"),
    path("c/<uuid:conversation_id>/messages/", chat.message_list, name="messages"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/", chat.message_detail, name="message"),
    path("conversations/", conversations.conversation_list, name="conversations"),
    path("archived/", conversations.archived_conversations, name="archived"),
    path("projects/", projects.project_list, name="projects"),
    path("projects/new/", projects.new_project, name="new_project"),
    path("projects/<uuid:project_id>/", projects.project_detail, name="project"),
    path("projects/<uuid:project_id>/settings/", projects.project_settings, name="project_settings"),
    path("projects/<uuid:project_id>/delete/", projects.delete_project, name="delete_project"),
    path("projects/<uuid:project_id>/files/", projects.project_files, name="project_files"),
    path("projects/<uuid:project_id>/files/download/", projects.download_file, name="download_file"),
    path("projects/<uuid:project_id>/files/delete/", projects.delete_file, name="delete_file"),
    path("settings/answers/", settings.answers, name="settings_answers"),
]
