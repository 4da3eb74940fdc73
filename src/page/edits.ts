import { signal } from '@preact/signals';
import { ask } from './net.js';
import { report, say } from './store.js';
import { TEXT } from './strings.js';
import type { EditResult } from './types.js';

export type Edit = 'retry' | 'forget' | 'fetch' | 'first' | 'cancel';
export type Which = { readonly ids: readonly string[] } | { readonly all: true };

/** What a person is asked to confirm: the files that would be forgotten. */
export const toForget = signal<readonly string[] | undefined>(undefined);

export async function edit(act: Edit, which: Which): Promise<void> {
  try {
    const { changed, refused } = await ask<EditResult>('POST', `/files/${act}`, which);
    const [first] = refused;
    const parts = [
      ...(changed.length > 0 ? [TEXT.done.changed(changed.length)] : []),
      ...(first ? [TEXT.done.refused(refused.length, first.reason)] : []),
    ];
    say(parts.join('; ') || TEXT.done.nothing, refused.length > 0);
  } catch (error) {
    report(error);
  }
}

/** Says what the server answers. */
export async function act(method: string, path: string, body?: unknown): Promise<void> {
  try {
    const { message } = await ask<{ message: string }>(method, path, body);
    say(message);
  } catch (error) {
    report(error);
  }
}
