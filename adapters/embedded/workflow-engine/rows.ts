import * as z from 'zod';
import { type Json, parseJson } from '../../../core/asl/json.ts';

/** Columns of our own tables, as they are read back. */
export const json = z.string().transform(parseJson);
export const object = json.pipe(z.record(z.string(), z.custom<Json>()));
/** Milliseconds since the epoch. */
export const instant = z.int();
