"""Hostile titles and names of projects, files and users are shown as text on every page, in the admin too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clone import Clone
from tests.modelserver import threaded_model_server
from tests.pages.browsing import PASSWORD, ScriptedModel, running_server, sign_in
from tests.pages.injection import InjectionDetector

USERNAME = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>"
CREATE_HOSTILE_ROWS = """
from accounts.models import User
from conversations.store.workspaces import of_project
from accounts.models import ApiToken, Preferences
from conversations.models import Conversation, Message, Project, Run, Step
from tests.hostile import HOSTILE

inputs = [source.replace("\\0", "") for source in HOSTILE if source.encode(errors="ignore").decode() == source]
everything = "\\n\\n".join(inputs)
user = User.objects.create_superuser({username!r}, password={password!r}, email=inputs[0], first_name=inputs[1])
Preferences.objects.update_or_create(
    user=user, defaults={{field.name: everything for field in Preferences._meta.fields
                          if field.get_internal_type() == "TextField"}})
ApiToken.objects.issue(user_id=user.pk, name=inputs[2][:100])
projects = Project.objects.bulk_create(
    Project(owner=user, name=source[:200], instructions=everything) for source in inputs)
Conversation.objects.bulk_create(
    Conversation(owner=user, title=source[:200], system_prompt=source, project=projects[number % 3],
                 pinned=number % 20 == 0, archived=number % 7 == 0)
    for number, source in enumerate(inputs))
conversation = Conversation.objects.create(
    owner=user, title=everything[:200], project=projects[0], system_prompt=everything, model="test-model")
question = Message.objects.create(conversation=conversation, role="user", text=everything)
answer = Message.objects.create(conversation=conversation, role="assistant", text=everything, parent=question,
                                model=inputs[0][:100], status="failed", rating_comment=everything)
Run.objects.create(user=user, conversation=conversation, user_message=question, message=answer, model=inputs[0][:100],
                   status="failed", error_content=everything)
steps = [
    dict(type="thinking", content=everything, duration=1.0),
    dict(type="tool_call", id_ref="c", name=inputs[0], arguments=everything, status="finished", progress=inputs[1]),
    dict(type="tool_result", id_ref="c", name=inputs[0], content=everything, success=False),
    dict(type="text", content=everything),
]
for index, fields in enumerate(steps):
    Step.objects.create(message=answer, index=index, size=len(fields.get("content", "")),
                        **{{name: value for name, value in fields.items() if hasattr(Step, name)}})
conversation.leaf = answer
conversation.save()
files = of_project(projects[-1].pk)
files.mkdir(parents=True)
for source in inputs:
    (files / source.replace("/", "\u2215").encode()[:200].decode(errors="ignore")).write_text(source)
"""
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+(?=/)")
MAX_PAGES = 120
PAGE_TIMEOUT_MS = 120_000
"""Long, because the machine may be busy."""


@pytest.fixture(scope="module")
def hostile_site(
    installed_clone: Clone, scripted_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    var = tmp_path_factory.mktemp("hostile")
    with (
        threaded_model_server(scripted_model) as server,
        running_server(installed_clone, var, server.base_url) as address,
    ):
        script = CREATE_HOSTILE_ROWS.format(username=USERNAME, password=PASSWORD)
        made = installed_clone.run(
            *(".venv/bin/python", "manage.py", "shell", "-c", script),
            VAR_DIR=str(var),
            PYTHONPATH=str(Path(__file__).parents[2]),
        )
        assert made.returncode == 0, made.stderr
        yield address


def linked_paths(page: Page) -> list[str]:
    """Returns the paths of this site's pages that the page links to."""
    found: list[str] = page.locator("a[href]:not([download])").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    here = urlsplit(page.url)
    there = [urlsplit(urljoin(page.url, address)) for address in found]
    return [one.path for one in there if one.netloc == here.netloc and one.scheme == here.scheme]


def path_pattern(path: str) -> str:
    """Returns the path with identifiers replaced by `*`."""
    return IDENTIFIER.sub("*", path)


@pytest.fixture
def page(browser: Browser, hostile_site: str, model: ScriptedModel) -> Iterator[Page]:
    with browser.new_context(base_url=hostile_site) as context:
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        yield context.new_page()


@pytest.fixture
def detector(page: Page) -> InjectionDetector:
    """Returns a detector for the page of a user with hostile names, who is signed in and at a new chat."""
    detector = InjectionDetector(page)
    sign_in(page, USERNAME)
    return detector


def test_every_reachable_page_shows_hostile_names_as_text(page: Page, detector: InjectionDetector) -> None:
    seen = walk(page, detector)
    assert {"/", "/c/*/", "/admin/conversations/conversation/*/change/", "/admin/conversations/step/"} <= seen
    assert {"/projects/*/", "/projects/*/files/"} <= seen


def test_the_search_shows_hostile_names_as_text(page: Page, detector: InjectionDetector) -> None:
    page.keyboard.press("Control+k")
    field = page.get_by_role("dialog", name="Search").get_by_role("combobox")
    for query in ("<", "script", "onerror=", "javascript:", "<img src=x onerror=alert(1)>", "&lt;", '"'):
        field.fill(query)
        page.wait_for_timeout(300)
        detector.check()
        field.fill("")
    field.fill("script")
    expect(page.locator("#search mark").first).to_have_text("script", ignore_case=True)
    detector.check()


def test_live_title_updates_show_hostile_titles_as_text(page: Page, detector: InjectionDetector) -> None:
    page.get_by_label("Message", exact=True).fill("Hello")
    page.get_by_label("Message", exact=True).press("Enter")
    expect(page.locator(".answer .message-footer")).to_contain_text("tokens")
    for title in ("<img src=x onerror=alert(1)>", "</title><script>alert(1)</script>", "\"'><svg onload=alert(1)>"):
        page.get_by_role("button", name="Rename this conversation").click()
        page.get_by_label("Title", exact=True).fill(title)
        page.keyboard.press("Enter")
        expect(page.locator("#chat-title")).to_have_text(title)
        expect(page.locator(".sidebar [aria-current=page]")).to_contain_text(title)
        detector.check()


def test_delete_dialogs_show_hostile_names_as_text(page: Page, detector: InjectionDetector) -> None:
    page.goto("/projects/")
    for path in dict.fromkeys(path for path in linked_paths(page) if path_pattern(path) == "/projects/*/"):
        page.goto(f"{path}files/")
        if deletions := page.get_by_role("button", name="Delete").all():
            for deletion in (deletions[0], deletions[-1]):
                deletion.click()
                expect(page.locator("#delete-file [data-part=subject]")).not_to_be_empty()
                detector.check()
                page.keyboard.press("Escape")
            return
    pytest.fail("no project has files")


def walk(page: Page, detector: InjectionDetector) -> set[str]:
    """Follows links, opens one page per pattern, and returns the patterns."""
    seen: set[str] = set()
    to_visit = ["/", "/admin/"]
    while to_visit and len(seen) < MAX_PAGES:
        path = to_visit.pop(0)
        if path_pattern(path) not in seen and path.endswith("/"):
            seen.add(path_pattern(path))
            page.goto(path)
            detector.check()
            to_visit += linked_paths(page)
    return seen
