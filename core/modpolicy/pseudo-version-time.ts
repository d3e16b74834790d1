/** Milliseconds since 1970 of the commit that a pseudo-version names; `undefined` for a time that never was. */
export function timeOfPseudoVersion(version: string): number | undefined {
  const [, year, month, day, hour, minute, second] =
    /(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)-[A-Za-z0-9]+(?:\+.*)?$/.exec(version) ?? [];
  const instant = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(instant);
  return Number.isNaN(time) || new Date(time).toISOString() !== instant ? undefined : time;
}
