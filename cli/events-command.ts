import * as z from 'zod';
import { type Command, EXIT, JSON_OPTION, UsageError } from './command.ts';
import { normaliseFile } from './normalise.ts';

/** Headers beside the body that are no JSON, or no headers, are input that cannot be read. */
function normalised(source: string, file: string) {
  try {
    return normaliseFile(source, file);
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
    throw new UsageError(`${file}: the headers file beside it is no JSON object of strings`);
  }
}

export const eventsNormaliseCommand: Command = {
  name: 'events normalise',
  summary:
    'print what a stored webhook body would become: {outcome, detailType, events}\n\n' +
    'Nothing is authenticated, resolved or sent. The headers are read from FILE with .headers.json in place of .json,\n' +
    'else the event is the word that the file name begins with (push-tag.json is a push).',
  positionals: 'SOURCE FILE',
  options: JSON_OPTION,
  run: async (given, io) => {
    const [source, file, ...more] = given.positionals;
    if (source === undefined || file === undefined || more.length > 0)
      throw new UsageError('name a source (github, gitea, gitlab, distribution, ecr) and one file');
    const { outcome, code, detailType, events } = normalised(source, file);
    io.out(JSON.stringify({ outcome, detailType, events }, undefined, given.flag('json') ? undefined : 2));
    if (code !== null) io.note(`code: ${code}`);
    return EXIT.done;
  },
};
