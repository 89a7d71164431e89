// Makes the page live: joins its parts.

import { Composer } from "./composer.js";
import { Connection, ConnectionLost, RequestRefused } from "./connection.js";
import { ConversationSettings } from "./conversation-settings.js";
import { Conversation } from "./conversation.js";
import { Drafts } from "./drafts.js";
import { Frame } from "./layout.js";
import { ModelButton, Title, TokenCount } from "./header.js";
import { isSomethingOpen } from "./keys.js";
import { MessageActions } from "./message-actions.js";
import { ModelMenu } from "./model-menu.js";
import { addresses, element, part } from "./page.js";
import { watchProse } from "./prose.js";
import { watchRetries } from "./retries.js";
import { sentenceOf } from "./errors.js";
import { SettingsDialog } from "./settings-dialog.js";
import { Scroller } from "./scroller.js";
import { Transcript } from "./transcript.js";
import { say } from "./strings.js";

/** @import { Settings } from "./conversation-settings.js" */
/** @import { Sending } from "./drafts.js" */
/** @import { RunDone, RunError } from "./wire.js" */

const ANNOUNCED = 500;

const { user = "", conversation: shownId = null, run: shownRunId = null, project: projectId } = document.body.dataset;
/** What makes a new conversation one of the project. */
const project = projectId ? { project_id: projectId } : {};

const bar = element("connection-bar", HTMLElement);
const notice = element("notice", HTMLElement);
const thinking = element("thinking-toggle", HTMLButtonElement);
const announcer = element("announcer", HTMLElement);
const transcriptElement = element("transcript", HTMLElement);

/** @type {"" | "offline" | "too_many"} */
let unreachable = "";
/** What this page shows. Who went back or on before scripts ran is at another address by now. */
let path = new URL(performance.getEntriesByType("navigation")[0]?.name ?? location.href).pathname;

const scroller = new Scroller(element("scroller", HTMLElement), transcriptElement, element("jump", HTMLElement));
const transcript = new Transcript(transcriptElement, scroller);

const connection = new Connection(addresses.socket, {
  opened() {
    notice.hidden ||= notice.textContent === say("offline_action");
    void conversation.follow();
    void frame.opened();
  },
  unreachable(reason) {
    unreachable = reason;
    showBar();
  },
  signedOut: () => frame.signedOut(),
});
const frame = new Frame(connection);

const conversation = new Conversation(
  connection,
  transcript,
  {
    began,
    liveChanged: (isLive) => showLive(isLive),
    ended,
    stored,
    gone: () => showNotice(say("not_found")),
  },
  { id: shownId, runId: shownRunId },
);

const notes = {
  show: showNotice,
  announce: (/** @type {string} */ sentence) => (announcer.textContent = sentence),
  clear: () => (notice.hidden = true),
};
const drafts = new Drafts(user);
const modelMenu = new ModelMenu();

const composer = new Composer(drafts, shownId, {
  send,
  stop: () => conversation.stop(),
});

const modelButton = new ModelButton(modelMenu, (model) => void change({ model }));
const settings = new ConversationSettings(connection, drafts, showSettings, {
  id: shownId,
  settings: JSON.parse(element("settings-dialog", HTMLElement).dataset.settings ?? "{}"),
});
const settingsDialog = new SettingsDialog(connection, settings);
const tokens = new TokenCount();
const title = new Title((text) => connection.request("conversation.update", { conversation_id: conversation.id, title: text }), complain);

new MessageActions(connection, conversation, transcript, drafts, notes, (opener, choose) => modelMenu.open(opener, choose));

/** @param {Sending} sending */
async function send({ id, text, tools = true }) {
  notice.hidden = true;
  showBar();
  try {
    if (!conversation.id && Object.keys(settings.chosen).length) {
      await begin(`${id}-begin`);
    }
    const place = conversation.id ? { conversation_id: conversation.id } : project;
    await conversation.ask("message.send", { text, tools_enabled: tools, ...place }, id);
  } catch (error) {
    complain(error);
    throw error;
  }
}

/** Begins a conversation that has settings. @param {string} requestId */
async function begin(requestId) {
  try {
    await conversation.create({ ...settings.chosen, ...project }, requestId);
  } catch (error) {
    if (error instanceof RequestRefused && Object.keys(error.errors).length) {
      void settingsDialog.open(error.errors);
    }
    throw error;
  }
}

/** Changes the settings, or says why that cannot be done. @param {Partial<Settings>} fields */
async function change(fields) {
  notice.hidden = true;
  try {
    await settings.change(fields);
  } catch (error) {
    complain(error);
  }
}

/** Says what the server refused, or that it is not there. @param {unknown} error */
function complain(error) {
  notice.hidden = true;
  if (error instanceof RequestRefused) {
    showNotice(sentenceOf(error));
  } else if (error instanceof ConnectionLost) {
    showNotice(say("offline_action"));
  }
}

/** The new chat has become a conversation, at an address of its own. @param {string} id */
function began(id) {
  path = addresses.conversation(id);
  history.pushState(null, "", path);
  document.body.dataset.conversation = id;
  composer.began(id);
  settings.began(id);
  frame.setCurrent(id);
}

/** @param {Settings} shown */
function showSettings({ model, thinking_enabled: isThinking }) {
  const { thinking: canThink, tools: canUseTools } = modelMenu.model(modelMenu.known(model));
  modelButton.show(model);
  thinking.ariaPressed = String(isThinking);
  thinking.hidden = !canThink;
  composer.toolsToggle.hidden = !canUseTools;
}

/** A run has ended. @param {HTMLElement} answer @param {RunDone | RunError} outcome */
function ended(answer, outcome) {
  if (!("status" in outcome) || outcome.status === "complete") {
    notes.announce(`${say("answered")} ${answerText(answer)}`);
  }
  if ("status" in outcome) {
    tokens.add(outcome.prompt_tokens, outcome.completion_tokens);
  }
}

/** An answer has ended as the server has stored it: what a failed one took is known from there alone. @param {HTMLElement} answer */
function stored(answer) {
  const { prompt, completion } = part(answer, "failure").dataset;
  tokens.add(Number(prompt ?? 0), Number(completion ?? 0));
}

/** @param {boolean} isLive */
function showLive(isLive) {
  composer.setLive(isLive);
  transcriptElement.classList.toggle("live", isLive);
}

/** @param {string} sentence */
function showNotice(sentence) {
  notice.textContent = sentence;
  notice.hidden = false;
}

function showBar() {
  bar.textContent = unreachable === "offline" && composer.isSending ? say("queued") : say(unreachable);
  bar.hidden = !unreachable;
}

/** @param {HTMLElement} answer @returns {string} the beginning of what it says at its end */
function answerText(answer) {
  const texts = answer.querySelectorAll('[data-type="text"]');
  return texts[texts.length - 1]?.textContent?.slice(0, ANNOUNCED) ?? "";
}

transcriptElement.addEventListener("click", ({ target }) => {
  const suggestion = target instanceof Element ? target.closest("[data-suggestion]") : null;
  if (suggestion) {
    composer.ask(suggestion.textContent ?? "");
  }
});

thinking.addEventListener("click", () => void change({ thinking_enabled: !settings.values.thinking_enabled }));
element("settings-button", HTMLButtonElement).addEventListener("click", () => void settingsDialog.open());

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented && !isSomethingOpen()) {
    composer.stop();
  }
});

/** Shows what the address says. */
function keepToAddress() {
  if (location.pathname !== path) {
    location.reload();
  }
}
addEventListener("popstate", keepToAddress);
keepToAddress();

connection.on("conversation_changed", ({ conversation: changed }) => {
  frame.change(changed);
  if (changed.id === conversation.id) {
    frame.setCurrent(changed.id);
    title.show(changed.title);
    settings.take(changed);
    conversation.changed(changed);
  }
});
connection.on("conversation_deleted", ({ conversation_id: id }) => {
  frame.delete(id);
  if (id === conversation.id) {
    location.assign(addresses.home);
  }
});

showLive(shownRunId !== null);
watchProse(transcriptElement);
watchRetries(transcriptElement);
connection.open();
