/**
 * Types of the WebSocket protocol's objects (docs/protocol.md), as far as the page uses them.
 *
 * @typedef {object} ConversationObject
 * @property {string} id
 * @property {string} title
 * @property {boolean} archived
 * @property {boolean} pinned
 * @property {string | null} project_id
 * @property {string} updated_at
 * @property {string | null} leaf_message_id
 * @property {string | null} model
 * @property {string} system_prompt
 * @property {number | null} temperature
 * @property {number | null} max_tokens
 * @property {boolean} thinking_enabled
 * @property {string[] | null} tools
 * @property {string | null} run_id
 *
 * @typedef {object} ToolObject
 * @property {string} name
 * @property {string} description
 *
 * @typedef {object} MessageObject
 * @property {string} id
 * @property {string} conversation_id
 * @property {string | null} parent_id
 * @property {string[]} siblings
 * @property {{text: string}} content
 *
 * @typedef {object} RunStarted
 * @property {string} conversation_id
 * @property {string} run_id
 * @property {string} message_id
 * @property {string} user_message_id
 *
 * @typedef {object} Step
 * @property {string} run_id
 * @property {string} id
 * @property {number} index
 * @property {"thinking" | "text" | "tool_call" | "tool_result"} type
 * @property {string} [content]
 * @property {number | null} [duration]
 * @property {string} [id_ref]
 * @property {string} [name]
 * @property {string} [arguments]
 * @property {"streaming" | "awaiting_approval" | "running" | "finished"} [status]
 * @property {string | null} [progress]
 * @property {boolean} [success]
 * @property {boolean} [skipped]
 * @property {number | null} [execution_time]
 *
 * @typedef {object} RunDone
 * @property {string} run_id
 * @property {string} message_id
 * @property {"complete" | "cancelled"} status
 * @property {string} finish_reason
 * @property {number} prompt_tokens
 * @property {number} completion_tokens
 *
 * @typedef {object} RunError
 * @property {string} run_id
 * @property {string} message_id
 * @property {string} code
 * @property {string} content
 * @property {boolean} retryable
 * @property {number} [retry_after] in seconds
 *
 * @typedef {object} SendResult of message.send, message.edit and message.regenerate
 * @property {string} conversation_id
 * @property {string} message_id
 * @property {string} run_id
 * @property {string} assistant_message_id
 */
export {};
