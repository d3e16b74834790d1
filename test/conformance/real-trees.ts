/**
 * Released module trees of many sizes and ages, as `module@version`: without go.sum and with one of hundreds of lines,
 * before and after pruning, of later majors, with dependencies that have no go.mod, with replacements.
 */
export const REAL_TREES: readonly string[] = [
  'github.com/mitchellh/go-wordwrap@v1.0.1',
  'github.com/pkg/errors@v0.9.1',
  'github.com/cespare/xxhash/v2@v2.3.0',
  'github.com/agnivade/levenshtein@v1.2.1',
  'github.com/muesli/ansi@v0.0.0-20230316100256-276c6243b2f6',
  'github.com/google/go-querystring@v1.2.0',
  'github.com/go-logr/stdr@v1.2.2',
  'github.com/buildkite/roko@v1.4.0',
  'github.com/oleiade/reflections@v1.1.0',
  'github.com/mattn/go-colorable@v0.1.15',
  'github.com/cpuguy83/go-md2man/v2@v2.0.7',
  'github.com/subosito/gotenv@v1.6.0',
  'github.com/sagikazarmark/locafero@v0.11.0',
  'github.com/hashicorp/go-multierror@v1.1.1',
  'github.com/hashicorp/go-retryablehttp@v0.7.8',
  'github.com/moby/term@v0.5.2',
  'github.com/oklog/ulid/v2@v2.1.1',
  'go.uber.org/multierr@v1.11.0',
  'github.com/jellydator/ttlcache/v3@v3.4.0',
  'github.com/go-openapi/swag@v0.25.4',
  'github.com/go-openapi/strfmt@v0.26.4',
  'github.com/spf13/cast@v1.10.0',
  'github.com/spf13/pflag@v1.0.10',
  'github.com/spf13/cobra@v1.10.2',
  'github.com/spf13/viper@v1.21.0',
  'github.com/spf13/afero@v1.15.0',
  'github.com/coreos/go-oidc/v3@v3.17.0',
  'github.com/sourcegraph/conc@v0.3.1-0.20240121214520-5f936abd7ae8',
  'github.com/secure-systems-lab/go-securesystemslib@v0.9.1',
  'github.com/sirupsen/logrus@v1.9.4',
  'github.com/stretchr/testify@v1.11.1',
  'github.com/json-iterator/go@v1.1.12',
  'github.com/charmbracelet/lipgloss@v1.1.0',
  'github.com/charmbracelet/bubbletea@v1.3.10',
  'github.com/golang-jwt/jwt/v4@v4.5.2',
  'github.com/rogpeppe/go-internal@v1.14.1',
  'github.com/opencontainers/image-spec@v1.1.1',
  'github.com/docker/docker-credential-helpers@v0.9.5',
  'github.com/containerd/stargz-snapshotter/estargz@v0.18.1',
  'github.com/google/go-containerregistry@v0.20.7',
  'github.com/theupdateframework/go-tuf/v2@v2.4.2',
  'github.com/transparency-dev/merkle@v0.0.2',
  'github.com/rs/cors@v1.11.1',
  'github.com/sigstore/sigstore@v1.10.3',
  'github.com/google/go-containerregistry@v0.22.1',
  'github.com/transparency-dev/tessera@v1.0.4',
  'github.com/versity/versitygw@v1.8.0',
  'github.com/google/uuid@v1.6.0',
  'github.com/chrismellard/docker-credential-acr-env@v0.0.0-20230304212654-82a0ddb27589',
  'github.com/blang/semver@v3.5.1+incompatible',
  'github.com/hashicorp/vault/api@v1.22.0',
  'github.com/fsnotify/fsnotify@v1.10.1',
  'github.com/go-ldap/ldap/v3@v3.4.14',
  'github.com/hashicorp/hcl@v1.0.0',
  'github.com/DataDog/datadog-go/v5@v5.9.1',
  'github.com/gofiber/utils/v2@v2.4.2',
  'sigs.k8s.io/yaml@v1.6.0',
  'go.opentelemetry.io/otel/sdk@v1.40.0',
  'golang.org/x/oauth2@v0.36.0',
  'golang.org/x/mod@v0.37.0',
  'k8s.io/klog/v2@v2.140.0',
];

/** Those that are vendored: before and after pruning, with cgo, assembly, embedded files and other systems' code. */
export const VENDORED_TREES: readonly string[] = [
  'github.com/json-iterator/go@v1.1.12',
  'github.com/spf13/cobra@v1.10.2',
  'github.com/docker/docker-credential-helpers@v0.9.5',
  'github.com/hashicorp/vault/api@v1.22.0',
  'github.com/google/go-containerregistry@v0.22.1',
  'github.com/versity/versitygw@v1.8.0',
];

const SWAG_FOLDERS = [
  ...['cmdutils', 'conv', 'fileutils', 'jsonname', 'jsonutils', 'loading'],
  ...['mangling', 'netutils', 'stringutils', 'typeutils', 'yamlutils'],
];

/**
 * What is rightly refused. These modules replace others by folders of their repository. No module zip holds nested
 * modules or what lies above it, so the tree of the zip alone cannot be built.
 */
export const TRUE_REFUSALS: ReadonlyMap<string, readonly string[]> = new Map([
  ['github.com/go-openapi/swag@v0.25.4', SWAG_FOLDERS.map((folder) => `gosum.replacement-missing ${folder}/go.mod`)],
  ['go.opentelemetry.io/otel/sdk@v1.40.0', ['gosum.replacement-missing ..//go.mod']],
]);
