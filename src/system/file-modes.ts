/** Permission bits of the files and folders that the program keeps for itself. */
export interface FileModes {
  readonly file: number;
  readonly folder: number;
}

/** The users who may read the files may enter the folders. */
export const modesOf = (file: number): FileModes => ({ file, folder: file | ((file & 0o444) >> 2) });

/** For the program's own user alone. */
export const PRIVATE_MODES = modesOf(0o600);

/** The umask takes away what others may do, so that these bits have to be set once the file is there. */
export const isForOthers = (mode: number): boolean => (mode & 0o077) !== 0;
