import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'fflate';

/**
 * usage: image-layout.ts FOLDER TAG BINARY
 * Writes an OCI image layout with one linux/amd64 image: one layer that holds the binary as /sample. The compressor is a
 * pure JavaScript one, so that the bytes do not depend on the zlib of the machine.
 */
const [folder = '', tag = '', binary = ''] = process.argv.slice(2);
const CREATED = '2026-11-01T10:00:00Z';
const blobs = join(folder, 'blobs', 'sha256');
mkdirSync(blobs, { recursive: true });

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function keepBlob(mediaType: string, bytes: Uint8Array) {
  const hex = digestOf(bytes);
  writeFileSync(join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

/** A ustar archive of one executable file. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number) => value.toString(8).padStart(width - 1, '0');
  header.write(name, 0);
  header.write(`${octal(0o755, 8)}\0${octal(0, 8)}\0${octal(0, 8)}\0`, 100);
  header.write(`${octal(content.length, 12)}\0${octal(0, 12)}\0        0`, 124);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 7)}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc(512 - (content.length % 512 || 512)), Buffer.alloc(1024)]);
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const tar = tarOf('sample', readFileSync(binary));
const layer = keepBlob('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar, { level: 9, mtime: 0 }));
const config = keepBlob(
  'application/vnd.oci.image.config.v1+json',
  json({
    created: CREATED,
    architecture: 'amd64',
    os: 'linux',
    config: { Entrypoint: ['/sample'], Labels: { 'org.opencontainers.image.version': tag } },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digestOf(tar)}`] },
    history: [{ created: CREATED, created_by: 'demo/rebuild.sh' }],
  }),
);
const manifest = keepBlob(
  'application/vnd.oci.image.manifest.v1+json',
  json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer] }),
);
writeFileSync(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
writeFileSync(
  join(folder, 'index.json'),
  json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } }],
  }),
);
process.stdout.write(JSON.stringify({ digest: manifest.digest, size: manifest.size, layer: layer.digest }));
