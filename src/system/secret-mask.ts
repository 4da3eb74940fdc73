import { masked, MAX_EXAMINED_LENGTH, MIN_SECRET_LENGTH } from './masked.js';

/** Every secret that the program has read, to be kept out of what it shows. */
export class SecretMask {
  readonly #known = new Set<string>();

  add(secret: string): void {
    if (secret.length >= MIN_SECRET_LENGTH) this.#known.add(secret);
  }

  /** The text with `***` in place of each secret, however it is encoded (see `masked`); of a very long one, its beginning. */
  apply(text: string): string {
    return masked(text.slice(0, MAX_EXAMINED_LENGTH), this.#known);
  }
}
