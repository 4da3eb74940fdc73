import { access } from 'node:fs/promises';

/** Whether there is something at the path that this user may see. */
export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
