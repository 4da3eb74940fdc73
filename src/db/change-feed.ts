import { Subject, type Observable } from 'rxjs';
import type { Change } from '../ports.js';

/**
 * Changes as they happen. A subscriber may cause further changes while it handles one: every subscriber still gets
 * them in the order in which they happened.
 */
export class ChangeFeed {
  readonly #subject = new Subject<Change>();
  readonly #waiting: Change[] = [];
  readonly changes: Observable<Change> = this.#subject.asObservable();

  emit(change: Change): void {
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
