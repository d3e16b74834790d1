import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Fault } from '../../core/faults.ts';
import { plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import type { ZipHasher } from '../../core/ports/zip-hasher.ts';
import { LARGE_ZIP_BYTES, type ZipHashAnswer, type ZipHashJob } from './zip-hash-job-helper.ts';

/** Each holds one zip of up to 16 MiB and what is inflated of it; one of them may hold a larger one, of up to 72 MiB. */
const MAX_THREADS = 8;
/** Contents are inflated into short-lived memory: a small young generation has it collected before it piles up. */
const LIMITS = { maxYoungGenerationSizeMb: 3, maxOldGenerationSizeMb: 256 };
/** Beside this module in a checkout and beside the bundle of the command line; bundles without it hash in their thread. */
const WORKER = new URL('./zip-hash-worker.mjs', import.meta.url);

export interface ThreadedZipHasherOptions {
  /** Default: as many as there are cores, eight at most. */
  readonly threads?: number;
  /** The thread's entry; replaced in tests. */
  readonly worker?: URL;
}

export interface ThreadedZipHasher extends ZipHasher {
  /** Ends the threads; what they were at fails. */
  close(): Promise<void>;
}

const ended = (cause?: unknown) => new Fault('LimitExceeded', 'a thread ended while it hashed a module zip', { cause });

/** The one answer to one job. A thread that ends instead is `LimitExceeded`: it ran out of memory, or was closed. */
const ask = (worker: Worker, job: ZipHashJob): Promise<ZipHashAnswer> =>
  new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(ended(error));
    const onExit = () => reject(ended());
    worker.once('message', (answer: ZipHashAnswer) => {
      worker.off('error', onError);
      worker.off('exit', onExit);
      // An idle thread keeps no process alive.
      worker.unref();
      resolve(answer);
    });
    worker.once('error', onError);
    worker.once('exit', onExit);
    worker.ref();
    worker.postMessage(job);
  });

interface Waiting {
  readonly resolve: (worker: Worker) => void;
  readonly reject: (error: Fault) => void;
}

/** At most so many threads, started when they are first needed; who finds none idle waits in turn. */
class Workers {
  readonly #entry: URL;
  readonly #threads: number;
  readonly #all = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  #closed = false;
  constructor(entry: URL, threads: number) {
    this.#entry = entry;
    this.#threads = threads;
  }
  async run(job: ZipHashJob): Promise<ZipHashAnswer> {
    const worker = this.#idle.pop() ?? (await this.#startOrWait());
    let alive = false;
    try {
      const answer = await ask(worker, job);
      alive = true;
      return answer;
    } finally {
      if (!alive) this.#all.delete(worker);
      this.#pass(alive ? worker : undefined);
    }
  }
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(ended());
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }
  #start(): Worker {
    if (this.#closed) throw ended();
    // Flags of the process are for its own entry: the thread's brings what it needs.
    const worker = new Worker(this.#entry, { execArgv: [], resourceLimits: LIMITS });
    this.#all.add(worker);
    return worker;
  }
  #startOrWait(): Worker | Promise<Worker> {
    if (this.#all.size < this.#threads) return this.#start();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
  /** Hands a worker on; in place of one that ended, a new one to whoever waits. */
  #pass(worker: Worker | undefined): void {
    const next = this.#waiting.shift();
    if (next) next.resolve(worker ?? this.#start());
    else if (worker) this.#idle.push(worker);
  }
}

/** Runs one piece of work after the other, whatever becomes of those before. */
function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
}

/** What `pick` finds in the answer; a reading that failed is a fault, as it is wherever modules are read. */
async function answerOf<T>(
  workers: Workers,
  job: ZipHashJob,
  pick: (answer: ZipHashAnswer) => T | undefined,
): Promise<T> {
  const answer = await workers.run(job);
  const picked = pick(answer);
  if (picked !== undefined) return picked;
  throw new Fault('ModuleProxyUnreachable', `a module zip cannot be read: ${answer.failed ?? 'no answer'}`);
}

/**
 * Hashes zips that lie in files in threads of their own, so that all cores are used and the event loop stays free. Zips
 * without a descriptor, and all where there is no entry for a thread, are hashed in the thread that calls.
 */
export function openThreadedZipHasher(options: ThreadedZipHasherOptions = {}): ThreadedZipHasher {
  const entry = options.worker ?? WORKER;
  if (!existsSync(fileURLToPath(entry))) return { ...plainZipHasher, close: async () => {} };
  const workers = new Workers(entry, options.threads ?? Math.min(availableParallelism(), MAX_THREADS));
  const oneLarge = inTurn();
  return {
    hash(zip, path, version) {
      const { descriptor, size } = zip;
      if (descriptor === undefined) return plainZipHasher.hash(zip, path, version);
      const hash = () => answerOf(workers, { descriptor, size, module: { path, version } }, ({ hashed }) => hashed);
      return size > LARGE_ZIP_BYTES ? oneLarge(hash) : hash();
    },
    sha256(zip) {
      const { descriptor, size } = zip;
      if (descriptor === undefined) return plainZipHasher.sha256(zip);
      return answerOf(workers, { descriptor, size }, ({ sha256 }) => sha256);
    },
    close: () => workers.close(),
  };
}
