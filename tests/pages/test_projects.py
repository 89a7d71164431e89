"""Creating, editing and deleting projects, and their files."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from conversations.models import Conversation, Project

PAGES = ("", "settings/", "delete/", "files/", "files/download/?path=a.txt")
ACTIONS = ("settings/", "delete/", "files/delete/")


@pytest.fixture
def project(ada: User) -> Project:
    return Project.objects.create(owner=ada, name="Whales", instructions="Sing.")


@pytest.fixture
def files(project: Project, settings: Settings, tmp_path: Path) -> Path:
    """Returns the folder of the project's files."""
    settings.VAR_DIR = tmp_path
    folder = tmp_path / "workspaces" / "projects" / str(project.pk)
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("inside")
    return folder


@pytest.fixture
def stranger(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("eve"))
    return client


def test_a_project_is_created_with_a_name_and_instructions(ada_client: Client, ada: User) -> None:
    response = ada_client.post("/projects/new/", {"name": " Whales ", "instructions": "Sing."})
    made = Project.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/projects/{made.pk}/")
    assert (made.owner, made.name, made.instructions) == (ada, "Whales", "Sing.")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "A project needs a name."),
        ("  ", "A project needs a name."),
        ("x" * 201, "at most 200 characters"),
        ("a\0b", "Null characters are not allowed."),
    ],
)
def test_an_invalid_form_keeps_the_input_and_shows_the_error(
    name: str, reason: str, ada_client: Client, project: Project
) -> None:
    for address in ("/projects/new/", f"/projects/{project.pk}/settings/"):
        page = ada_client.post(address, {"name": name, "instructions": "Answer in <verse>."}).content.decode()
        assert reason in page
        assert "Answer in &lt;verse&gt;." in page
        assert name.strip().replace("\0", "") in page
    assert list(Project.objects.values_list("name", "instructions")) == [("Whales", "Sing.")]


def test_instructions_have_a_maximum_length(ada_client: Client, project: Project) -> None:
    page = ada_client.post(f"/projects/{project.pk}/settings/", {"name": "Whales", "instructions": "x" * 100_001})
    assert "at most 100000 characters" in page.content.decode()
    assert Project.objects.get().instructions == "Sing."


def test_a_project_can_be_edited(ada_client: Client, project: Project) -> None:
    response = ada_client.post(f"/projects/{project.pk}/settings/", {"name": "Dolphins", "instructions": ""})
    assert response.status_code == 302
    assert list(Project.objects.values_list("pk", "name", "instructions")) == [(project.pk, "Dolphins", "")]


def test_a_project_page_lists_only_its_conversations(ada_client: Client, ada: User, project: Project) -> None:
    Conversation.objects.create(owner=ada, project=project, title="Inside")
    Conversation.objects.create(owner=ada, project=project, title="Put away", archived=True)
    Conversation.objects.create(owner=ada, title="Outside")
    page = ada_client.get(f"/projects/{project.pk}/").content.decode().split("<main")[1]
    assert re.findall(r'class="conversation-title" dir="auto">([^<]+)<', page.split("<template")[0])[0] == "Inside"
    assert "Outside" not in page
    assert "Put away" not in page
    fragment = ada_client.get(f"/conversations/?project={project.pk}").content.decode()
    assert "Inside" in fragment
    assert "Outside" not in fragment


def test_projects_are_listed_newest_first_with_their_number_of_conversations(
    ada_client: Client, ada: User, project: Project
) -> None:
    Conversation.objects.create(owner=ada, project=project)
    Conversation.objects.create(owner=ada, project=project, archived=True)
    Project.objects.bulk_create(Project(owner=ada, name=f"no {number}") for number in range(60))
    page = ada_client.get("/projects/").content.decode().split("<main")[1]
    names = re.findall(r'class="row-name" dir="auto">([^<]*)<', page)
    page = ada_client.get("/projects/" + page.split('class="more" href="')[1].split('"')[0]).content.decode()
    names += re.findall(r'class="row-name" dir="auto">([^<]*)<', page)
    assert len(names) == 61
    assert names[-1] == "Whales"
    assert "1 conversation<" in page
    assert ada_client.get("/projects/?before=nonsense").status_code == 400


def test_an_empty_project_list_explains_projects(ada_client: Client) -> None:
    assert "groups conversations" in ada_client.get("/projects/").content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_another_user_gets_page_not_found(path: str, stranger: Client, project: Project, files: Path) -> None:
    response = stranger.get(f"/projects/{project.pk}/{path}")
    assert response.status_code == 404
    assert b"Whales" not in response.content


@pytest.mark.parametrize("path", ACTIONS)
def test_another_user_cannot_change_a_project(path: str, stranger: Client, project: Project, files: Path) -> None:
    fields = {"name": "Mine", "path": "a.txt"}
    assert stranger.post(f"/projects/{project.pk}/{path}", fields).status_code == 404
    assert Project.objects.get().name == "Whales"
    assert (files / "a.txt").exists()


def test_lists_and_new_chats_hide_the_projects_of_other_users(stranger: Client, project: Project) -> None:
    assert b"Whales" not in stranger.get("/projects/").content
    assert stranger.get(f"/?project={project.pk}").status_code == 404
    assert stranger.get(f"/conversations/?project={project.pk}").content.strip() == b""


def test_a_new_chat_page_names_its_project(ada_client: Client, project: Project) -> None:
    page = ada_client.get(f"/?project={project.pk}").content.decode()
    assert f'data-project="{project.pk}"' in page.split("<body")[1].split(">")[0]
    for unknown in (uuid4(), "nonsense", ""):
        assert ada_client.get(f"/?project={unknown}").status_code == 404


def test_deleting_a_project_asks_for_confirmation_and_keeps_its_conversations(
    ada_client: Client,
    ada: User,
    project: Project,
    files: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    kept = Conversation.objects.create(owner=ada, project=project)
    assert "Its conversations stay" in ada_client.get(f"/projects/{project.pk}/delete/").content.decode()
    assert Project.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert ada_client.post(f"/projects/{project.pk}/delete/").status_code == 302
    assert not Project.objects.exists()
    assert Conversation.objects.get(pk=kept.pk).project is None
    for thread in threading.enumerate():
        if thread.name == "remove-workspaces":
            thread.join()
    assert not files.exists()


def test_project_files_can_be_listed_downloaded_and_deleted(ada_client: Client, project: Project, files: Path) -> None:
    (files / "notes").mkdir()
    (files / "notes" / "größer & co.html").write_text("<script>alert(1)</script>")
    address = f"/projects/{project.pk}/files/"
    page = ada_client.get(address).content.decode()
    assert "notes/größer &amp; co.html" in page
    response = ada_client.get(f"{address}download/?path={quote('notes/größer & co.html', safe='')}")
    assert response.content == b"<script>alert(1)</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''gr%C3%B6%C3%9Fer")
    assert ada_client.post(f"{address}delete/", {"path": "notes/größer & co.html"}).status_code == 302
    assert [path.name for path in files.rglob("*.*")] == ["a.txt"]


@pytest.mark.parametrize("path", ["../../../secret", "/etc/passwd", "link", "notes", "missing", "", "a\nb"])
def test_paths_outside_the_project_folder_are_refused(
    path: str, ada_client: Client, project: Project, files: Path
) -> None:
    (files.parent.parent.parent / "secret").write_text("secret")
    (files / "notes").mkdir()
    (files / "link").symlink_to("/etc/passwd")
    address = f"/projects/{project.pk}/files/"
    assert ada_client.get(f"{address}download/?path={quote(path)}").status_code == 404
    if path != "link":
        response = ada_client.post(f"{address}delete/", {"path": path})
        assert response.status_code == 409
        assert "could not be deleted" in response.content.decode()
    assert (files.parent.parent.parent / "secret").exists()
    assert (files / "notes").exists()


def test_deleting_a_symlink_keeps_its_target(ada_client: Client, project: Project, files: Path) -> None:
    outside = files.parent / "outside.txt"
    outside.write_text("kept")
    (files / "link").symlink_to(outside)
    assert "download/?path=link" not in ada_client.get(f"/projects/{project.pk}/files/").content.decode()
    ada_client.post(f"/projects/{project.pk}/files/delete/", {"path": "link"})
    assert os.listdir(files) == ["a.txt"]
    assert outside.read_text() == "kept"


def test_hostile_file_names_are_escaped(ada_client: Client, project: Project, files: Path) -> None:
    for name in (b"<img src=x onerror=alert(1)>.txt", b'" onmouseover="x', "gpj.\u202eexe".encode(), b"bad\xff\nname"):
        with open(os.fsencode(files) + b"/" + name, "w"):
            pass
    page = ada_client.get(f"/projects/{project.pk}/files/").content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.txt" in page
    assert '" onmouseover="x' not in page
    assert "\u202e" not in re.sub(r'value="[^"]*"', "", page)
    assert "bad\ufffd\ufffdname" in page


def test_a_file_over_the_maximum_size_is_listed_without_a_download(
    ada_client: Client, project: Project, files: Path
) -> None:
    with (files / "large.bin").open("wb") as file:
        file.truncate(10_000_001)
    page = ada_client.get(f"/projects/{project.pk}/files/").content.decode()
    assert "9.5\xa0MB" in page
    assert "path=large.bin" not in page


def test_a_project_without_a_folder_has_no_files(ada_client: Client, project: Project, settings: Settings) -> None:
    settings.VAR_DIR = Path("/nonexistent")
    assert "No files yet" in ada_client.get(f"/projects/{project.pk}/files/").content.decode()
