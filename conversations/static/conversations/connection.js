// The WebSocket to the server: requests and their answers, notifications, and coming back after a loss.

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 15_000;
const TOO_MANY_PAUSE = 30_000;
const BAR_AFTER = 2_000;
const ANSWER_WITHIN = 20_000;
const QUIET_FOR = 15_000;

const NOT_SIGNED_IN = 4401;
const TOO_MANY = 4429;

/** The connection went before the answer came: whether the request was carried out is unknown. */
export class ConnectionLost extends Error {}

/** The server's no. `code` is `data.code` of the protocol, or "" for a request that is wrong in itself; `errors` say what is wrong with which field. */
export class RequestRefused extends Error {
  /** @param {{message: string, data?: {code?: string, retry_after?: number, errors?: Record<string, string>}}} error */
  constructor({ message, data }) {
    super(message);
    this.code = data?.code ?? "";
    this.retryAfter = data?.retry_after;
    this.errors = data?.errors ?? {};
  }
}

/**
 * @typedef {object} Watcher
 * @property {() => void} opened each time that the server is there (again)
 * @property {(reason: "" | "offline" | "too_many") => void} unreachable it has been gone for a while, and why; "" when it is back
 * @property {() => void} signedOut the server does not know who this is any more; there will be no further try
 */

export class Connection {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void, timer: number}>} */ #waiting = new Map();
  /** @type {Map<string, (params: any) => void>} */ #listeners = new Map();
  /** @type {Array<() => void>} */ #untilOpen = [];
  #isOpen = false;
  #lastId = 0;
  #attempts = 0;
  #heardAt = 0;
  #retryTimer = 0;
  #barTimer = 0;

  /** @param {string} address @param {Watcher} watcher */
  constructor(address, watcher) {
    this.address = address;
    this.watcher = watcher;
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
  }

  /**
   * Calls the listener with the params of every notification of this method.
   * @param {string} method
   * @param {(params: any) => void} listener
   */
  on(method, listener) {
    this.#listeners.set(method, listener);
  }

  open() {
    clearTimeout(this.#retryTimer);
    this.#barTimer ||= setTimeout(() => this.watcher.unreachable("offline"), BAR_AFTER);
    const socket = new WebSocket(this.address);
    this.#socket = socket;
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = (event) => this.#lost(event.code);
  }

  /**
   * Rejects with ConnectionLost or RequestRefused.
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>}
   */
  request(method, params) {
    const socket = this.#socket;
    if (!this.#isOpen || !socket) {
      return Promise.reject(new ConnectionLost());
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#drop(socket), ANSWER_WITHIN);
      this.#waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /**
   * Asks until there is an answer, over as many connections as it takes: for what may be asked twice (with a `request_id`).
   * Rejects with RequestRefused.
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>}
   */
  async requestSurely(method, params) {
    for (;;) {
      await this.#opened();
      try {
        return await this.request(method, params);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) {
          throw error;
        }
      }
    }
  }

  /** @returns {Promise<void>} */
  #opened() {
    return this.#isOpen ? Promise.resolve() : new Promise((resolve) => this.#untilOpen.push(resolve));
  }

  /** @param {string} frame */
  #take(frame) {
    this.#heardAt = Date.now();
    const { id, method, params, result, error } = JSON.parse(frame);
    if (method === "hello") {
      this.#greeted();
    } else if (method) {
      this.#listeners.get(method)?.(params);
    } else {
      this.#answered(id, result, error);
    }
  }

  #greeted() {
    this.#isOpen = true;
    this.#attempts = 0;
    clearTimeout(this.#barTimer);
    this.#barTimer = 0;
    this.watcher.unreachable("");
    this.watcher.opened();
    this.#untilOpen.splice(0).forEach((resolve) => resolve());
  }

  /** @param {number} id @param {any} result @param {any} error */
  #answered(id, result, error) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    if (error) {
      waiting?.reject(new RequestRefused(error));
    } else {
      waiting?.resolve(result);
    }
  }

  /** @param {number} code */
  #lost(code) {
    this.#socket = null;
    this.#isOpen = false;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new ConnectionLost());
    }
    this.#waiting.clear();
    if (code === NOT_SIGNED_IN) {
      this.watcher.signedOut();
      return;
    }
    this.#barTimer ||= setTimeout(() => this.watcher.unreachable("offline"), BAR_AFTER);
    if (code === TOO_MANY) {
      this.watcher.unreachable("too_many");
    }
    this.#retryTimer = setTimeout(() => this.open(), code === TOO_MANY ? TOO_MANY_PAUSE : this.#pause());
  }

  /** Longer each time, and never the same for all pages at once. */
  #pause() {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#attempts++);
    return longest * (0.5 + Math.random() / 2);
  }

  /** Gives up a connection that does not answer, without waiting for it to close. @param {WebSocket} socket */
  #drop(socket) {
    if (socket === this.#socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
      this.#lost(1006);
    }
  }

  /** The page is looked at again, or the network is back: try at once, or make sure that the connection still stands. */
  #wake() {
    if (!this.#socket) {
      this.#attempts = 0;
      this.open();
    } else if (this.#isOpen && Date.now() - this.#heardAt > QUIET_FOR) {
      this.request("conversation.list", { limit: 1 }).catch(() => {});
    }
  }
}
