const BEGIN = '--ros-args';
const END = '--';

/** A command line, split: ROS's own arguments are between `--ros-args` and `--` or the end, possibly more than once. */
export interface Arguments {
  readonly program: readonly string[];
  readonly ros: readonly string[];
}

export function splitArguments(argv: readonly string[]): Arguments {
  const program: string[] = [];
  const ros: string[] = [];
  let into = program;
  for (const argument of argv) {
    if (argument === BEGIN) into = ros;
    else if (argument === END && into === ros) into = program;
    else into.push(argument);
  }
  return { program, ros };
}

/** ROS's arguments, those that set parameters apart from all others. */
export interface RosArguments {
  /** In their order; the last value of a parameter counts. */
  readonly parameters: readonly ParameterArgument[];
  readonly others: readonly string[];
}

/** `--params-file FILE` or `--param [NODE:]NAME:=VALUE`. */
export type ParameterArgument =
  { readonly file: string } | { readonly node: string; readonly name: string; readonly value: string };

export function sortRosArguments(ros: readonly string[]): RosArguments {
  const parameters: ParameterArgument[] = [];
  const others: string[] = [];
  for (let at = 0; at < ros.length; at++) {
    const [flag = '', value = ''] = [ros[at], ros[at + 1]];
    const parameter = parseParameter(flag, value);
    if (parameter) at += 1;
    if (parameter) parameters.push(parameter);
    else others.push(flag);
  }
  return { parameters, others };
}

/** Undefined for other arguments, and for malformed ones: ROS itself reports those. */
function parseParameter(flag: string, value: string): ParameterArgument | undefined {
  if (flag === '--params-file') return { file: value };
  if (flag !== '-p' && flag !== '--param') return undefined;
  const [, node = EVERY_NODE, name, text] = /^(?:([^:=]+):)?([^:=]+):=(.*)$/s.exec(value) ?? [];
  return name === undefined || text === undefined ? undefined : { node, name, value: text };
}

export const EVERY_NODE = '/**';
