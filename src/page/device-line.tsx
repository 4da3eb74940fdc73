import { duration, moment, rate } from './format.js';
import type { IconName } from './icons.js';
import { link } from './router.js';
import { now } from './store.js';
import { TEXT } from './strings.js';
import type { Device } from './types.js';
import { Badge, type Tone } from './ui.js';

/** The state of a device: the colour, the icon and the word. */
export function DeviceBadge({ device: { available, armed } }: { device: Device }) {
  const [tone, icon, text]: [Tone, IconName, string] = armed
    ? ['bad', 'shield', TEXT.devices.armed]
    : available
      ? ['ok', 'online', TEXT.devices.online]
      : ['off', 'offline', TEXT.devices.offline];
  return <Badge tone={tone} icon={icon} text={text} />;
}

/** Such as `since 12:31 (2 min)`. */
export function sinceOf({ since }: Device): string {
  if (since === null) return '';
  return `${TEXT.now.since(moment(since))} (${duration((now.value - Date.parse(since)) / 1000)})`;
}

export function DeviceLine({ device }: { device: Device }) {
  const speed = device.link?.bytes_per_second ?? 0;
  return (
    <a class="line" href={link('devices', device.name)}>
      <span class="line-body">
        <span class="line-title">{device.name}</span>
        <span class="line-text">
          {device.available ? `${device.type}${speed > 0 ? `, ${rate(speed)}` : ''}` : device.reason}
        </span>
      </span>
      <DeviceBadge device={device} />
    </a>
  );
}
