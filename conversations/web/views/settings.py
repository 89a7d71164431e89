"""The settings page for how models answer."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.access import MemberRequest, member_form
from accounts.views.settings import preferences_page
from conversations.web.forms import AnswersForm


@member_form
def answers(request: MemberRequest) -> HttpResponse:
    template, url_name = "conversations/answer_settings.html", "conversations:settings_answers"
    return preferences_page(request, template, AnswersForm, section="answers", url_name=url_name)
