// Entry of the bundle that stands for the package serialport in the Debian package: what src/mavlink/serial.ts uses.
export { SerialPort } from 'serialport';
