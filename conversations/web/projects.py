"""Projects: their conversations, their files, what is told to the model in them."""

from __future__ import annotations

from pathlib import PurePosixPath
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from accounts.access import MemberRequest, member_action, member_form, member_page
from conversations import store
from conversations.models import Project
from conversations.queries.branches import BadCursor
from conversations.queries.lists import list_projects_with_counts
from conversations.store import workspaces
from conversations.web.access import own_project
from conversations.web.conversation_lists import load_project
from conversations.web.layout import frame
from conversations.web.project_files import show_files
from conversations.web.project_form import ProjectForm
from tools.types import ToolError
from tools.workspace import Workspace


@member_page
def projects(request: MemberRequest) -> HttpResponse:
    """Newest first, those after the cursor `before`."""
    try:
        listing = list_projects_with_counts(user_id=request.user.pk, cursor=request.GET.get("before"))
    except BadCursor as error:
        raise BadRequest("Unknown cursor") from error
    return _page(request, "projects", projects=listing)


@member_form
def new_project(request: MemberRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if not form.is_valid():
        return _page(request, "new_project", form=form)
    made = store.create_project(user_id=request.user.pk, **form.cleaned_data)
    return redirect("conversations:project", made.pk)


@member_page
def project(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Its conversations."""
    found = own_project(request, project_id)
    return _page(request, "project", project=found, list=load_project(request.user, project_id))


@member_form
def project_settings(request: MemberRequest, project_id: UUID) -> HttpResponse:
    found = own_project(request, project_id)
    form = ProjectForm(request.POST or None, initial={"name": found.name, "instructions": found.instructions})
    if form.is_valid():
        store.update_project(user_id=request.user.pk, project_id=project_id, **form.cleaned_data)
        return redirect("conversations:project", project_id)
    return _page(request, "project_settings", project=found, form=form)


@member_form
def delete_project(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Asks; once confirmed, the project and its files are gone, and its conversations are in no project."""
    found = own_project(request, project_id)
    if request.method != "POST":
        return _page(request, "delete_project", project=found)
    with transaction.atomic():
        store.delete_project(user_id=request.user.pk, project_id=project_id)
    return redirect("conversations:projects")


@member_page
def project_files(request: MemberRequest, project_id: UUID) -> HttpResponse:
    return _files_page(request, own_project(request, project_id))


@member_page
def download_file(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """The file at `path`, to be kept and never shown: whoever wrote it may have meant harm."""
    found = own_project(request, project_id)
    path = request.GET.get("path", "")
    try:
        content = Workspace(workspaces.of_project(found.pk)).read(path)
    except ToolError as error:
        raise Http404 from error
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=PurePosixPath(path).name)
    return response


@member_action
def delete_file(request: MemberRequest, project_id: UUID) -> HttpResponse:
    found = own_project(request, project_id)
    try:
        Workspace(workspaces.of_project(found.pk)).delete(request.POST.get("path", ""))
    except ToolError as error:
        return _files_page(request, found, refusal=str(error), status=409)
    return redirect("conversations:project_files", project_id)


def _files_page(request: MemberRequest, found: Project, refusal: str = "", status: int = 200) -> HttpResponse:
    files, is_complete = show_files(Workspace(workspaces.of_project(found.pk)))
    shown = {"project": found, "files": files, "is_complete": is_complete, "refusal": refusal}
    return _page(request, "project_files", status=status, **shown)


def _page(request: MemberRequest, name: str, *, status: int = 200, **shown: object) -> HttpResponse:
    context = {**frame(request), "section": "projects", **shown}
    return render(request, f"conversations/{name}.html", context, status=status)
