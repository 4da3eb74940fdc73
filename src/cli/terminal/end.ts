/** Where a transfer takes place: at its source for downloads, at its target for uploads and streams. */
export type End = `from ${string}` | `to ${string}`;

export const from = (device: string): End => `from ${device}`;
export const to = (target: string): End => `to ${target}`;
export const endOf = ({ device, target }: { readonly device: string; readonly target?: string }): End =>
  target === undefined ? from(device) : to(target);
export const deviceAt = (end: End): string => end.slice(end.indexOf(' ') + 1);
