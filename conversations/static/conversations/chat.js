// Entry point of the chat page: connects its parts.

import { Composer } from "./composer.js";
import { Connection, ConnectionLostError, RequestError } from "./connection.js";
import { ConversationSettings } from "./conversation-settings.js";
import { Conversation } from "./conversation.js";
import { getElement, getPart, urls } from "./dom.js";
import { Drafts } from "./drafts.js";
import { errorMessage } from "./errors.js";
import { enhanceTexts } from "./formatted-text.js";
import { ModelButton, Title, TokenCount } from "./header.js";
import { isOverlayOpen } from "./keyboard.js";
import { Layout } from "./layout.js";
import { MessageActions } from "./message-actions.js";
import { ModelMenu } from "./model-menu.js";
import { runCountdowns } from "./retry-countdown.js";
import { Scroller } from "./scroller.js";
import { SettingsDialog } from "./settings-dialog.js";
import { translate } from "./strings.js";
import { Transcript } from "./transcript.js";

/** @import { Settings } from "./conversation-settings.js" */
/** @import { PendingMessage } from "./drafts.js" */
/** @import { RunDone, RunError } from "./protocol.js" */

const MAX_ANNOUNCED_LENGTH = 500;

const { user = "", conversation: initialId = null, run: initialRunId = null, project: projectId } = document.body.dataset;
/** Params that put a new conversation into the project that the page was opened from. */
const projectParams = projectId ? { project_id: projectId } : {};

const connectionBar = getElement("connection-bar", HTMLElement);
const notice = getElement("notice", HTMLElement);
const thinkingToggle = getElement("thinking-toggle", HTMLButtonElement);
const announcer = getElement("announcer", HTMLElement);
const transcriptElement = getElement("transcript", HTMLElement);

/** @type {"" | "offline" | "too_many"} */
let unreachableReason = "";
/** The path of what the page shows. `location` may differ: the user can go back or forward before the scripts run. */
let path = new URL(performance.getEntriesByType("navigation")[0]?.name ?? location.href).pathname;

const scroller = new Scroller(getElement("scroller", HTMLElement), transcriptElement, getElement("jump", HTMLElement));
const transcript = new Transcript(transcriptElement, scroller);

const connection = new Connection(urls.webSocket, {
  onOpen() {
    notice.hidden ||= notice.textContent === translate("offline_action");
    void conversation.subscribe();
    void layout.refreshLists();
  },
  onUnreachable(reason) {
    unreachableReason = reason;
    updateConnectionBar();
  },
  onSignedOut: () => layout.redirectToSignIn(),
});
const layout = new Layout(connection);

const conversation = new Conversation(
  connection,
  transcript,
  {
    onCreated: showCreated,
    onLiveChange: setLive,
    onRunEnd: announceRunEnd,
    onStored: addFailedTokens,
    onNotFound: () => showNotice(translate("not_found")),
  },
  { id: initialId, runId: initialRunId },
);

const notices = {
  show: showNotice,
  announce: (/** @type {string} */ text) => (announcer.textContent = text),
  clear: () => (notice.hidden = true),
};
const drafts = new Drafts(user);
const modelMenu = new ModelMenu();

const composer = new Composer(drafts, initialId, {
  send: sendMessage,
  stop: () => conversation.cancelRun(),
});

const modelButton = new ModelButton(modelMenu, (model) => void changeSettings({ model }));
const settings = new ConversationSettings(connection, drafts, showSettings, {
  id: initialId,
  settings: JSON.parse(getElement("settings-dialog", HTMLElement).dataset.settings ?? "{}"),
});
const settingsDialog = new SettingsDialog(connection, settings);
const tokenCount = new TokenCount();
const title = new Title((text) => connection.request("conversation.update", { conversation_id: conversation.id, title: text }), showError);

new MessageActions(connection, conversation, transcript, drafts, notices, modelMenu);

/** Sends a message. Rejects with RequestError after showing it. @param {PendingMessage} message */
async function sendMessage({ id, text, tools = true }) {
  notice.hidden = true;
  updateConnectionBar();
  try {
    if (!conversation.id && Object.keys(settings.chosen).length) {
      await createConversation(`${id}-begin`);
    }
    const target = conversation.id ? { conversation_id: conversation.id } : projectParams;
    await conversation.startRun("message.send", { text, tools_enabled: tools, ...target }, id);
  } catch (error) {
    showError(error);
    throw error;
  }
}

/** Creates a conversation with the settings that were chosen for the new chat. @param {string} requestId */
async function createConversation(requestId) {
  try {
    await conversation.create({ ...settings.chosen, ...projectParams }, requestId);
  } catch (error) {
    if (error instanceof RequestError && Object.keys(error.errors).length) {
      void settingsDialog.open(error.errors);
    }
    throw error;
  }
}

/** @param {Partial<Settings>} fields */
async function changeSettings(fields) {
  notice.hidden = true;
  try {
    await settings.change(fields);
  } catch (error) {
    showError(error);
  }
}

/** @param {unknown} error */
function showError(error) {
  notice.hidden = true;
  if (error instanceof RequestError) {
    showNotice(errorMessage(error));
  } else if (error instanceof ConnectionLostError) {
    showNotice(translate("offline_action"));
  }
}

/** Updates the page when the new chat has become a conversation with a URL of its own. @param {string} id */
function showCreated(id) {
  path = urls.conversation(id);
  history.pushState(null, "", path);
  document.body.dataset.conversation = id;
  composer.setConversation(id);
  settings.setConversation(id);
  layout.setCurrentConversation(id);
}

/** @param {Settings} values */
function showSettings({ model, thinking_enabled: isThinking }) {
  const { thinking: supportsThinking, tools: supportsTools } = modelMenu.model(modelMenu.nameOrDefault(model));
  modelButton.show(model);
  thinkingToggle.ariaPressed = String(isThinking);
  thinkingToggle.hidden = !supportsThinking;
  composer.toolsToggle.hidden = !supportsTools;
}

/** Announces an answer to screen readers and adds its tokens to the count. @param {HTMLElement} answer @param {RunDone | RunError} outcome */
function announceRunEnd(answer, outcome) {
  if (!("status" in outcome) || outcome.status === "complete") {
    const text = [...answer.querySelectorAll('[data-type="text"]')].at(-1)?.textContent ?? "";
    notices.announce(`${translate("answered")} ${text.slice(0, MAX_ANNOUNCED_LENGTH)}`);
  }
  if ("status" in outcome) {
    tokenCount.add(outcome.prompt_tokens, outcome.completion_tokens);
  }
}

/** Adds the tokens of a failed run to the count: the server's rendering has them, the error notification does not. @param {HTMLElement} answer */
function addFailedTokens(answer) {
  const { prompt, completion } = getPart(answer, "failure").dataset;
  tokenCount.add(Number(prompt ?? 0), Number(completion ?? 0));
}

/** @param {boolean} isLive */
function setLive(isLive) {
  composer.setLive(isLive);
  transcriptElement.classList.toggle("live", isLive);
}

/** @param {string} text */
function showNotice(text) {
  notice.textContent = text;
  notice.hidden = false;
}

function updateConnectionBar() {
  connectionBar.textContent = unreachableReason === "offline" && composer.isSending ? translate("queued") : translate(unreachableReason);
  connectionBar.hidden = !unreachableReason;
}

transcriptElement.addEventListener("click", ({ target }) => {
  const suggestion = target instanceof Element ? target.closest("[data-suggestion]") : null;
  if (suggestion) {
    composer.submitText(suggestion.textContent ?? "");
  }
});

thinkingToggle.addEventListener("click", () => void changeSettings({ thinking_enabled: !settings.values.thinking_enabled }));
getElement("settings-button", HTMLButtonElement).addEventListener("click", () => void settingsDialog.open());

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented && !isOverlayOpen()) {
    composer.stop();
  }
});

/** Reloads the page if the address bar shows another URL. */
function followLocation() {
  if (location.pathname !== path) {
    location.reload();
  }
}
addEventListener("popstate", followLocation);
followLocation();

connection.on("conversation_changed", ({ conversation: changed }) => {
  layout.updateConversation(changed);
  if (changed.id === conversation.id) {
    layout.setCurrentConversation(changed.id);
    title.show(changed.title);
    settings.update(changed);
    conversation.handleChange(changed);
  }
});
connection.on("conversation_deleted", ({ conversation_id: id }) => {
  layout.removeConversation(id);
  if (id === conversation.id) {
    location.assign(urls.home);
  }
});

setLive(initialRunId !== null);
enhanceTexts(transcriptElement);
runCountdowns(transcriptElement);
connection.open();
