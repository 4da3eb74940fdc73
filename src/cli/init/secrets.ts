import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resolveSecret } from '../../config/secrets.js';
import type { SecretRef } from '../../config/options.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Secrets that were typed: each is to get a file beside the configuration, and only its name goes into that. */
export class Secrets {
  readonly #folder: string;
  readonly #env: Environment;
  /** By the name of the file. */
  readonly #typed = new Map<string, string>();

  constructor(folder: string, env: Environment) {
    this.#folder = folder;
    this.#env = env;
  }

  /** The reference for the configuration; the file gets a name that is free. */
  add(name: string, secret: string): { readonly file: string } {
    let file = name;
    for (let number = 2; existsSync(join(this.#folder, file)); number++) file = `${name}-${number}`;
    this.#typed.set(file, secret);
    return { file };
  }

  /** Also of a secret whose file is still to be written. Throws `config` if there is none. */
  resolve(ref: SecretRef): string {
    const typed = typeof ref === 'object' && 'file' in ref ? this.#typed.get(ref.file) : undefined;
    return typed ?? resolveSecret(ref, { env: this.#env, folder: this.#folder });
  }

  /** Of those that the configuration names. */
  filesIn(configuration: string): readonly (readonly [file: string, secret: string])[] {
    return [...this.#typed].filter(([file]) => configuration.includes(file));
  }
}
