// The WebSocket connection to the server: requests and responses, notifications, and reconnecting.

const MIN_RETRY_DELAY_MS = 250;
const MAX_RETRY_DELAY_MS = 15_000;
const TOO_MANY_RETRY_DELAY_MS = 30_000;
const OFFLINE_NOTICE_DELAY_MS = 2_000;
const RESPONSE_TIMEOUT_MS = 20_000;
const MAX_SILENCE_MS = 15_000;

const NOT_AUTHENTICATED = 4401;
const TOO_MANY_CONNECTIONS = 4429;
const ABNORMAL_CLOSURE = 1006;

/** The connection was lost before the response came: the server may have carried out the request or not. */
export class ConnectionLostError extends Error {}

/**
 * The server's error response. `code` is the protocol's `data.code`, or "" for an invalid request; `errors` has a message for
 * each invalid field.
 */
export class RequestError extends Error {
  /** @param {{message: string, data?: {code?: string, retry_after?: number, errors?: Record<string, string>}}} error */
  constructor({ message, data }) {
    super(message);
    this.code = data?.code ?? "";
    this.retryAfter = data?.retry_after;
    this.errors = data?.errors ?? {};
  }
}

/**
 * @typedef {object} ConnectionCallbacks
 * @property {() => void} onOpen called each time the connection is established
 * @property {(reason: "" | "offline" | "too_many") => void} onUnreachable called with the reason when the server has been out of
 *   reach for a while, and with "" when it is back
 * @property {() => void} onSignedOut called when the session has ended; the connection is not opened again
 */

export class Connection {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void, timer: number}>} */ #pending = new Map();
  /** @type {Map<string, (params: any) => void>} */ #listeners = new Map();
  /** @type {Array<(value?: any) => void>} */ #openWaiters = [];
  #isOpen = false;
  #lastId = 0;
  #attempts = 0;
  #lastFrameAt = 0;
  #retryTimer = 0;
  #noticeTimer = 0;

  /** @param {string} url @param {ConnectionCallbacks} callbacks */
  constructor(url, callbacks) {
    this.url = url;
    this.callbacks = callbacks;
    addEventListener("online", () => this.#check());
    document.addEventListener("visibilitychange", () => document.hidden || this.#check());
  }

  /**
   * Sets the listener for a notification, which is called with its params.
   * @param {string} method
   * @param {(params: any) => void} listener
   */
  on(method, listener) {
    this.#listeners.set(method, listener);
  }

  open() {
    clearTimeout(this.#retryTimer);
    this.#scheduleNotice();
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onmessage = (event) => this.#handleFrame(event.data);
    socket.onclose = (event) => this.#handleClose(event.code);
  }

  /**
   * Sends a request and resolves to its result. Rejects with ConnectionLostError or RequestError.
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>}
   */
  request(method, params) {
    const socket = this.#socket;
    if (!this.#isOpen || !socket) {
      return Promise.reject(new ConnectionLostError());
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#abandon(socket), RESPONSE_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /**
   * Sends a request, again on each new connection, until the server responds. It must be idempotent or have a `request_id`.
   * Rejects with RequestError.
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>}
   */
  async requestWithRetries(method, params) {
    for (;;) {
      if (!this.#isOpen) {
        await new Promise((resolve) => this.#openWaiters.push(resolve));
      }
      try {
        return await this.request(method, params);
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) {
          throw error;
        }
      }
    }
  }

  /** @param {string} frame */
  #handleFrame(frame) {
    this.#lastFrameAt = Date.now();
    const { id, method, params, result, error } = JSON.parse(frame);
    if (method === "hello") {
      this.#handleHello();
    } else if (method) {
      this.#listeners.get(method)?.(params);
    } else {
      this.#handleResponse(id, result, error);
    }
  }

  #handleHello() {
    this.#isOpen = true;
    this.#attempts = 0;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = 0;
    this.callbacks.onUnreachable("");
    this.callbacks.onOpen();
    this.#openWaiters.splice(0).forEach((resolve) => resolve());
  }

  /** @param {number} id @param {any} result @param {any} error */
  #handleResponse(id, result, error) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    if (error) {
      pending?.reject(new RequestError(error));
    } else {
      pending?.resolve(result);
    }
  }

  /** @param {number} code */
  #handleClose(code) {
    this.#socket = null;
    this.#isOpen = false;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new ConnectionLostError());
    }
    this.#pending.clear();
    if (code === NOT_AUTHENTICATED) {
      this.callbacks.onSignedOut();
      return;
    }
    this.#scheduleNotice();
    if (code === TOO_MANY_CONNECTIONS) {
      this.callbacks.onUnreachable("too_many");
    }
    this.#retryTimer = setTimeout(() => this.open(), code === TOO_MANY_CONNECTIONS ? TOO_MANY_RETRY_DELAY_MS : this.#nextRetryDelay());
  }

  #scheduleNotice() {
    this.#noticeTimer ||= setTimeout(() => this.callbacks.onUnreachable("offline"), OFFLINE_NOTICE_DELAY_MS);
  }

  /** Backs off exponentially, with jitter so that not all pages reconnect at once. */
  #nextRetryDelay() {
    const delay = Math.min(MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS * 2 ** this.#attempts++);
    return delay * (0.5 + Math.random() / 2);
  }

  /** Treats an unresponsive connection as closed, without waiting for its close event. @param {WebSocket} socket */
  #abandon(socket) {
    if (socket === this.#socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
      this.#handleClose(ABNORMAL_CLOSURE);
    }
  }

  /** Reconnects at once, or sends a request that finds out whether a silent connection still works. */
  #check() {
    if (!this.#socket) {
      this.#attempts = 0;
      this.open();
    } else if (this.#isOpen && Date.now() - this.#lastFrameAt > MAX_SILENCE_MS) {
      this.request("conversation.list", { limit: 1 }).catch(() => {});
    }
  }
}
