import * as z from 'zod';

/**
 * The emulator's interpreter lacks two things of the subset: a Succeed's Output, and a Parallel's Assign. Each is written
 * here as a Pass that Step Functions would run alike; nothing else of a definition changes.
 */

const State = z.looseObject({ Type: z.string() });
type State = z.infer<typeof State>;
const Definition = z.looseObject({ States: z.record(z.string(), State) });

const asInput = (assign: unknown): unknown =>
  JSON.parse(JSON.stringify(assign).replaceAll('$states.result', '$states.input'));

function statesOf(name: string, state: State): [string, State][] {
  const { Assign, ...rest } = state;
  if (state.Type === 'Succeed' && 'Output' in state) return [[name, { ...state, Type: 'Pass', End: true }]];
  if (state.Type !== 'Parallel' || Assign === undefined) return [[name, state]];
  const assigning = `${name}: assigned`;
  return [
    [name, { ...rest, Next: assigning }],
    [assigning, { Type: 'Pass', Assign: asInput(Assign), Next: state.Next }],
  ];
}

const Joined = z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.union([z.string(), z.json()]))]) });

/** Rewrites a `DefinitionString` whose references stand between texts. */
export function machineForEmulator(definitionString: unknown): unknown {
  const [, parts] = Joined.parse(definitionString)['Fn::Join'];
  const text = parts.map((part, at) => (typeof part === 'string' ? part : `<<${at}>>`)).join('');
  const definition = Definition.parse(JSON.parse(text));
  const States = Object.fromEntries(
    Object.entries(definition.States).flatMap(([name, state]) => statesOf(name, state)),
  );
  const rewritten = JSON.stringify({ ...definition, States });
  const pieces = rewritten.split(/<<(\d+)>>/).map((piece, at) => (at % 2 === 0 ? piece : (parts[Number(piece)] ?? '')));
  return { 'Fn::Join': ['', pieces] };
}
