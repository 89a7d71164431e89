"""Projects: their conversations, files and instructions."""

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
from conversations.web.conversation_lists import load_project_conversations
from conversations.web.forms import ProjectForm
from conversations.web.layout import layout_context
from conversations.web.project_files import list_files
from conversations.web.shortcuts import get_project_or_404
from tools.types import ToolError
from tools.workspace import Workspace


@member_page
def project_list(request: MemberRequest) -> HttpResponse:
    """Shows the newest projects, or those after the cursor `before`."""
    try:
        projects = list_projects_with_counts(user_id=request.user.pk, cursor=request.GET.get("before"))
    except BadCursor as error:
        raise BadRequest("Unknown cursor") from error
    return _render(request, "projects", projects=projects)


@member_form
def new_project(request: MemberRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if not form.is_valid():
        return _render(request, "new_project", form=form)
    project = store.create_project(user_id=request.user.pk, **form.cleaned_data)
    return redirect("conversations:project", project.pk)


@member_page
def project_detail(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Shows the project's conversations."""
    project = get_project_or_404(request, project_id)
    conversations = load_project_conversations(request.user, project_id)
    return _render(request, "project", project=project, conversation_list=conversations)


@member_form
def project_settings(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = get_project_or_404(request, project_id)
    form = ProjectForm(request.POST or None, initial={"name": project.name, "instructions": project.instructions})
    if form.is_valid():
        store.update_project(user_id=request.user.pk, project_id=project_id, **form.cleaned_data)
        return redirect("conversations:project", project_id)
    return _render(request, "project_settings", project=project, form=form)


@member_form
def delete_project(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Asks for confirmation, then deletes the project and its files. Its conversations are kept, without a project."""
    project = get_project_or_404(request, project_id)
    if request.method != "POST":
        return _render(request, "delete_project", project=project)
    with transaction.atomic():
        store.delete_project(user_id=request.user.pk, project_id=project_id)
    return redirect("conversations:projects")


@member_page
def project_files(request: MemberRequest, project_id: UUID) -> HttpResponse:
    return _render_files(request, get_project_or_404(request, project_id))


@member_page
def download_file(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Returns the file at the query parameter `path`, always as an attachment, because it may be hostile."""
    project = get_project_or_404(request, project_id)
    path = request.GET.get("path", "")
    try:
        content = Workspace(workspaces.of_project(project.pk)).read(path)
    except ToolError as error:
        raise Http404 from error
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=PurePosixPath(path).name)
    return response


@member_action
def delete_file(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = get_project_or_404(request, project_id)
    try:
        Workspace(workspaces.of_project(project.pk)).delete(request.POST.get("path", ""))
    except ToolError as error:
        return _render_files(request, project, error=str(error), status=409)
    return redirect("conversations:project_files", project_id)


def _render_files(request: MemberRequest, project: Project, error: str = "", status: int = 200) -> HttpResponse:
    files, is_complete = list_files(Workspace(workspaces.of_project(project.pk)))
    context = {"project": project, "files": files, "is_complete": is_complete, "error": error}
    return _render(request, "project_files", status=status, **context)


def _render(request: MemberRequest, template: str, *, status: int = 200, **context: object) -> HttpResponse:
    context = {**layout_context(request), "section": "projects", **context}
    return render(request, f"conversations/{template}.html", context, status=status)
