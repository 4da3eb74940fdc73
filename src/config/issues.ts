export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Keys and list positions from the top of the configuration. */
export type Path = readonly (string | number)[];

/** Collects all errors and warnings of a configuration, so that they are reported together. */
export class ConfigIssues {
  readonly #file: string;
  readonly #errors: Issue[] = [];
  readonly #warnings: Issue[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  error(message: string, place: { readonly path: Path } | { readonly position: Position }): void {
    this.#errors.push({ path: [], ...place, message });
  }

  warn(message: string, path: Path): void {
    this.#warnings.push({ path, message });
  }

  /** The place of the whole configuration. */
  get top(): ConfigPlace {
    return new ConfigPlace([], this);
  }

  get failed(): boolean {
    return this.#errors.length > 0;
  }

  /** One line each, in the file's order: `filesync.yaml:12:5: devices.archive.hosst: unknown key; …`. */
  errors(locate: (path: Path) => Position): string[] {
    return this.#lines(this.#errors, locate);
  }

  warnings(locate: (path: Path) => Position): string[] {
    return this.#lines(this.#warnings, locate);
  }

  #lines(issues: readonly Issue[], locate: (path: Path) => Position): string[] {
    const located = issues.map(issue => ({
      ...issue,
      position: issue.position ?? locate(issue.path),
    }));
    located.sort((a, b) => a.position.line - b.position.line || a.position.column - b.position.column);
    return located.map(({ path, position: { line, column }, message }) =>
      [`${this.#file}:${line}:${column}`, ...(path.length > 0 ? [showPath(path)] : []), message].join(': '),
    );
  }
}

/** A part of the configuration that is being checked. */
export class ConfigPlace {
  readonly #path: Path;
  readonly #issues: ConfigIssues;

  constructor(path: Path, issues: ConfigIssues) {
    this.#path = path;
    this.#issues = issues;
  }

  at(...keys: Path): ConfigPlace {
    return new ConfigPlace([...this.#path, ...keys], this.#issues);
  }

  error(message: string): void {
    this.#issues.error(message, { path: this.#path });
  }

  warn(message: string): void {
    this.#issues.warn(message, this.#path);
  }
}

interface Issue {
  readonly path: Path;
  readonly position?: Position;
  readonly message: string;
}

function showPath(path: Path): string {
  return path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}
