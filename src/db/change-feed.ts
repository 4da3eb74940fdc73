import { Subject, type Observable } from 'rxjs';
import type { Change, FileRecord } from '../ports.js';

/**
 * Changes as they happen. A subscriber may cause further changes while it handles one: all subscribers still get them in order.
 */
export class ChangeFeed {
  readonly #subject = new Subject<Change>();
  readonly #waiting: Change[] = [];
  readonly changes: Observable<Change> = this.#subject.asObservable();

  /** A change without a record before or after it is not emitted. */
  emit(change: Change): void {
    if (!change.record && !change.previous) return;
    this.#waiting.push(change);
    if (this.#waiting.length > 1) return;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      this.#subject.next(next);
      this.#waiting.shift();
    }
  }

  complete(): void {
    this.#subject.complete();
  }
}

export function describeChange(id: string, record?: FileRecord, previous?: FileRecord): Change {
  return { id, ...(record && { record }), ...(previous && { previous }) };
}
