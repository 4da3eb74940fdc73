import type { Rclnodejs, RclListener } from './rclnodejs.js';

/** Messages of one subscription in a row, before anything else gets its turn. */
const MOST_AT_ONCE = 64;

type NodeClass = Rclnodejs['Node'];

/**
 * The library's node, where each wake-up of its thread brings all serialized messages that have come. The library takes one at a
 * time, and to wake up costs more than the message.
 */
export function drainingNodeClass(rcl: Rclnodejs): NodeClass {
  /** Subscriptions that have brought something in this turn. */
  const fruitful = new Set<object>();
  return class extends rcl.Node {
    override createSubscription(type: string, topic: string, ...rest: readonly object[]) {
      if (!rest.some(isRaw)) return super.createSubscription(type, topic, ...rest);
      const note = () => fruitful.add(subscription.handle);
      const noting = rest.map(one => (isListener(one) ? first(note, one) : one));
      const subscription = super.createSubscription(type, topic, ...noting);
      return subscription;
    }

    override execute(handles: readonly object[]): void {
      let ready = handles;
      for (let turn = 0; turn < MOST_AT_ONCE && ready.length > 0; turn++) {
        fruitful.clear();
        super.execute(ready);
        ready = [...fruitful];
      }
    }
  };
}

const isRaw = (options: object): boolean => 'isRaw' in options && options.isRaw === true;

const isListener = (one: object): one is RclListener => typeof one === 'function';

const first =
  (act: () => unknown, listener: RclListener): RclListener =>
  message => {
    act();
    listener(message);
  };
