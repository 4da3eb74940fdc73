import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { SERVER_NAME } from './subjects.js';

type Answer = (error: Error | null, address?: string | LookupAddress[], family?: number) => void;

const ADDRESS = { address: '127.0.0.1', family: 4 };

/** The name of the servers, which no other name service knows. */
export class NameService {
  isOffline = false;
  struck = 0;
  readonly #undo: () => void;

  constructor() {
    const { lookup } = dns;
    const { lookup: promised } = dns.promises;
    const other = lookup as (...args: unknown[]) => void;
    const asked = (name: string, ...rest: [LookupOptions | Answer, Answer?]): void => {
      if (name !== SERVER_NAME) return other(name, ...rest);
      const options = typeof rest[0] === 'object' ? rest[0] : {};
      this.#answer(options, rest.at(-1) as Answer);
    };
    const awaited = async (name: string, options: LookupOptions) => {
      if (name !== SERVER_NAME) return promised(name, options);
      if (this.isOffline) throw this.#error();
      return ADDRESS;
    };
    Object.assign(dns, { lookup: asked });
    Object.assign(dns.promises, { lookup: awaited });
    syncBuiltinESMExports();
    this.#undo = () => {
      Object.assign(dns, { lookup });
      Object.assign(dns.promises, { lookup: promised });
      syncBuiltinESMExports();
    };
  }

  close(): void {
    this.#undo();
  }

  #answer({ all = false }: LookupOptions, answer: Answer): void {
    const isOffline = this.isOffline;
    setImmediate(() => {
      if (isOffline) answer(this.#error());
      else if (all) answer(null, [ADDRESS]);
      else answer(null, ADDRESS.address, ADDRESS.family);
    });
  }

  #error(): Error {
    this.struck++;
    const details = { code: 'EAI_AGAIN', syscall: 'getaddrinfo', hostname: SERVER_NAME };
    return Object.assign(new Error(`getaddrinfo EAI_AGAIN ${SERVER_NAME}`), details);
  }
}
