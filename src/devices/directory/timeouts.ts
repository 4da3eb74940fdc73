/** ms without an answer after which a file system counts as hanging. */
export const ANSWER_TIMEOUT_MS = 30_000;
