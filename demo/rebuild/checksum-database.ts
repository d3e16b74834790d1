import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * usage: checksum-database.ts FOLDER KEYFILE < downloads
 * Writes a small Go checksum database as files, laid out as a module proxy serves one below /sumdb/<name>/. Input is what
 * `go mod download -json` prints, so that every hash comes from the go command. Prints the verifier key.
 */
interface Download {
  readonly Path: string;
  readonly Version: string;
  readonly Sum: string;
  readonly GoModSum: string;
}

const PKCS8_ED25519 = '302e020100300506032b657004220420';
const ED25519 = Buffer.of(1);

const sha256 = (...parts: (Uint8Array | string)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

/** RFC 6962 §2.1 over the hashes of the leaves. */
function treeHash(leaves: Buffer[]): Buffer {
  const [only] = leaves;
  if (only && leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

const [folder = '', keyFile = ''] = process.argv.slice(2);
const [, , name = '', , encodedSeed = ''] = readFileSync(keyFile, 'utf8').trim().split('+');
const key = createPrivateKey({
  key: Buffer.concat([Buffer.from(PKCS8_ED25519, 'hex'), Buffer.from(encodedSeed, 'base64').subarray(1)]),
  format: 'der',
  type: 'pkcs8',
});
const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
const keyHash = sha256(`${name}\n`, ED25519, publicKey).subarray(0, 4);

const records = readFileSync(0, 'utf8')
  .split(/^(?=\{)/m)
  .map((text): Download => JSON.parse(text))
  .sort((a, b) => (`${a.Path}@${a.Version}` < `${b.Path}@${b.Version}` ? -1 : 1))
  .map(({ Path, Version, Sum, GoModSum }) => ({
    at: `${Path}@${Version}`,
    text: `${Path} ${Version} ${Sum}\n${Path} ${Version}/go.mod ${GoModSum}\n`,
  }));
const leaves = records.map(({ text }) => sha256(Buffer.of(0), text));
const head = `go.sum database tree\n${leaves.length}\n${treeHash(leaves).toString('base64')}\n`;
const signature = Buffer.concat([keyHash, sign(null, Buffer.from(head), key)]).toString('base64');
const note = `${head}\n— ${name} ${signature}\n`;

function keep(path: string, content: string | Uint8Array): void {
  const file = join(folder, 'sumdb', name, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
keep('supported', '');
keep('latest', note);
keep(`tile/8/0/000.p/${leaves.length}`, Buffer.concat(leaves));
for (const [id, { at, text }] of records.entries()) keep(`lookup/${at}`, `${id}\n${text}\n${note}`);
process.stdout.write(`${name}+${keyHash.toString('hex')}+${Buffer.concat([ED25519, publicKey]).toString('base64')}\n`);
