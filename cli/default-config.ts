/** The commented document that `relseal init` writes. Every value is a place to start, none reaches the internet by itself. */
export const defaultConfigText = `# Relseal configuration. Problems are reported all at once, with line numbers, before anything starts.
schema: relseal.config/1

# test or production. Production changes how long AWS retains objects; on one machine it changes nothing.
environment:
  kind: test

listen:
  host: 127.0.0.1
  port: 8787

# Hosts that may be reached. Everything else is refused; private addresses need "private: true".
hosts:
  - host: proxy.golang.org
  - host: sum.golang.org
  # The public proxy sends large module zips from here.
  - host: storage.googleapis.com
  # - { host: registry.internal.example.com, private: true }
  # - { host: "prometheus.internal.example.com:9090", private: true }

# Lets functions elsewhere change the proxies of this server, at /targets/<tenant>%2F<environment>.
# targetsToken: file:secrets/targets

# A log that takes the checkpoints of all tenants' logs as its entries (docs/ledger.md); it may have a witnessPolicy, too.
# metaLog: { origin: ledger.example.com/all }

tenants:
  - id: acme
    # Name of this tenant's log and of its key. Choose it once: checkpoints carry it for ever.
    origin: ledger.example.com/acme
    # Witnesses that cosign its checkpoints, and how many must before one is shown (docs/ledger.md).
    # witnessPolicy: |
    #   witness w1 witness.example.com/w1+… https://witness.example.com/
    #   quorum w1
    # People appear under pseudonyms. This key finds them, so that relseal erase can sever one; losing it severs all.
    pseudonymKey: file:secrets/pseudonyms
    policy: policy.yaml
    modules:
      # A GOPROXY list. The checksum database is "sum.golang.org" or a verifier key (name+hash+key).
      proxy: https://proxy.golang.org
      checksumDatabase: sum.golang.org
      # Module path patterns that are never asked of public services.
      private: []
      # Those that may be asked of them. "*" is everyone else's: what lies in your own organisations (those of the
      # sources below) is private until it is named here.
      public: ["*", github.com/spf13]
    sources:
      # POST /hooks/github/github.com, signed with the secret in secrets/github.
      - provider: github
        instance: github.com
        secrets: [file:secrets/github]
        repositories:
          - name: spf13/cobra
            # module-proxy: the tree is the module zip, the commit stays claimed.
            # git: a bare repository on this machine, { kind: git, path: … }.
            # git-https: a server, { kind: git-https, url: "https://…", password: file:secrets/git }: what pull requests
            # and signatures of tags are judged by.
            fetch: { kind: module-proxy, module: github.com/spf13/cobra }
            # Where verdicts are shown on commits: relseal/source on tags, relseal/change on pull requests.
            # status: { kind: github, url: "https://api.github.com", token: file:secrets/status }
            # Where is asked who approved a change, which module policy may want.
            # reviews: { kind: github, url: "https://api.github.com", token: file:secrets/reviews }
      # POST /hooks/distribution/registry.example.com, with the Authorization header in secrets/registry.
      # - provider: distribution
      #   instance: registry.example.com
      #   secrets: [file:secrets/registry]
      #   repositories:
      #     - name: acme/sample
      #       registry: { kind: https, url: "https://registry.example.com" }
      #       # The source repository whose release an image of the same tag must link to.
      #       source: { host: github.com, name: acme/sample }
    # Where images may be promoted to: relseal promote HOST/REPO@sha256:… --environment staging
    # environments:
    #   - name: staging
    #     repositories: [{ host: registry.example.com, name: acme/sample }]
    #     # A reverse proxy of this server in front of each revision; "stable" takes the traffic now.
    #     target:
    #       kind: local-proxy
    #       listen: { host: 127.0.0.1, port: 8080 }
    #       stable: sha256:…
    #       revisions:
    #         - { digest: sha256:…, url: "http://127.0.0.1:9001" }
    #     metrics: { kind: prometheus, url: "http://prometheus.internal.example.com:9090", lagSeconds: 30 }
    #     # Each query gives one number; above its limit it is a breach. The weights add up to 100.
    #     signals:
    #       - name: errors
    #         query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
    #         unit: ratio
    #         limit: 0.03
    #         consecutive: 3
    #         weight: 100
    #         events: { query: "sum(increase(http_requests_total[1m]))", atLeast: 100 }
    #     stages: [{ weight: 10, ticks: 5 }, { weight: 50, ticks: 5 }, { weight: 100, ticks: 10 }]
    #     # How many persons must approve; whoever asked is none of them.
    #     approvals: 1
`;
