/** ms without an answer after which a file system counts as hanging. */
export const PATIENCE = 30_000;
