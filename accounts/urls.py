from django.urls import URLPattern, URLResolver, path

from accounts.views import settings, sign_in

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("first-start/", sign_in.create_first_account, name="first_start"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign_out"),
    path("settings/", settings.profile, name="settings_profile"),
    path("settings/display/", settings.display, name="settings_display"),
    path("settings/security/", settings.security, name="settings_security"),
    path("settings/security/end-session/", settings.end_session, name="end_session"),
    path("settings/tokens/", settings.tokens, name="settings_tokens"),
    path("settings/tokens/<int:token_id>/revoke/", settings.revoke_token, name="revoke_token"),
    path("settings/delete-account/", settings.delete_account, name="delete_account"),
    path("settings/time-zone/", settings.set_browser_time_zone, name="tell_time_zone"),
]
