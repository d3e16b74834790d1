import { createHmac, randomUUID } from 'node:crypto';

/** One delivery, signed as its source signs it. */
export interface SignedDelivery {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The source's own id of the delivery. */
  readonly id: string;
}

const ZERO = '0'.repeat(40);

interface TagPush {
  readonly repository: string;
  readonly ref: string;
  readonly commit: string;
  readonly secret: string;
}

const pushBody = ({ repository, ref, commit }: TagPush, cloneBase: string) => {
  const [owner = '', name = ''] = repository.split('/');
  return JSON.stringify({
    ref,
    before: ZERO,
    after: commit,
    created: true,
    deleted: false,
    forced: false,
    head_commit: { id: commit, timestamp: '2026-11-01T10:00:00Z', message: `release ${ref}` },
    repository: {
      id: 1,
      name,
      full_name: repository,
      owner: { login: owner },
      clone_url: `${cloneBase}/${repository}.git`,
    },
    pusher: { login: 'demo-releaser', name: 'demo-releaser' },
    sender: { login: 'demo-releaser', id: 7 },
  });
};

/** A push as github.com announces it. */
export function githubPush(push: TagPush): SignedDelivery {
  const id = randomUUID();
  const body = pushBody(push, 'https://github.com');
  return {
    path: '/hooks/github/github.com',
    id,
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${createHmac('sha256', push.secret).update(body).digest('hex')}`,
    },
  };
}

/** A push as Gitea announces it. */
export function giteaPush(push: TagPush, instance: string): SignedDelivery {
  const id = randomUUID();
  const body = pushBody(push, `https://${instance}`);
  return {
    path: `/hooks/gitea/${instance}`,
    id,
    body,
    headers: {
      'content-type': 'application/json',
      'x-gitea-event': 'push',
      'x-gitea-event-type': 'push',
      'x-gitea-delivery': id,
      'x-gitea-signature': createHmac('sha256', push.secret).update(body).digest('hex'),
    },
  };
}

interface ManifestPush {
  readonly repository: string;
  readonly tag?: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly secret: string;
}

/** A manifest push as CNCF distribution notifies it. */
export function distributionPush(push: ManifestPush, instance: string): SignedDelivery {
  const id = randomUUID();
  const { repository, digest, mediaType, size, tag } = push;
  const body = JSON.stringify({
    events: [
      {
        id,
        timestamp: '2026-11-01T10:05:00Z',
        action: 'push',
        target: {
          mediaType,
          size,
          digest,
          length: size,
          repository,
          url: `https://${instance}/v2/${repository}/manifests/${digest}`,
          ...(tag === undefined ? {} : { tag }),
        },
        request: { id: randomUUID(), addr: '127.0.0.1:4242', host: instance, method: 'PUT', useragent: 'crane/0.22.1' },
        actor: { name: 'demo-releaser' },
        source: { addr: `${instance}:443`, instanceID: randomUUID() },
      },
    ],
  });
  return {
    path: `/hooks/distribution/${instance}`,
    id,
    body,
    headers: { 'content-type': 'application/vnd.docker.distribution.events.v2+json', authorization: push.secret },
  };
}
