//! What stands below the help of each command: examples, and what its exit status means.

pub(super) const EXAMPLES: &str = "\
Examples:
  dockpulse demo                                      see it work, without any set-up
  dockpulse once --endpoint http://localhost:4317     one probe, one push
  dockpulse run --config dockpulse.yaml               the agent
  dockpulse config check --config dockpulse.yaml      is the file right?

Exit status: 0 done, 1 failed, 2 wrong usage or settings.";

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  dockpulse run
  dockpulse run --watch --config /etc/dockpulse/dockpulse.yaml
  dockpulse run --engine unix:///var/run/docker.sock --endpoint http://collector:4317
  DOCKPULSE_EXPORT__ENDPOINT=http://collector:4318 dockpulse run --protocol http/protobuf

Signals: SIGTERM or SIGINT retract everything, send it and end, a second one ends at once; SIGHUP reads the settings
again.";

pub(super) const DEMO_EXAMPLES: &str = "\
Examples:
  dockpulse demo
  dockpulse demo --simulate --containers 50 --seed 7

It has a collector of its own and keeps nothing: --endpoint, --protocol and --state-dir are not used.";

pub(super) const ONCE_EXAMPLES: &str = "\
Examples:
  dockpulse once --endpoint http://localhost:4317
  dockpulse once --config dockpulse.yaml --retract";

pub(super) const SINK_EXAMPLES: &str = "\
Examples:
  dockpulse sink
  dockpulse sink --format json > points.jsonl
  dockpulse sink --expect expectations.yaml --within 1m";

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  dockpulse explain web
  dockpulse explain 69df0eab --config dockpulse.yaml
  dockpulse explain web --json | jq -r '.series[].metric'

Exit status: 0 explained, watched or not; 1 no such container, or its engine is out of reach.";

pub(super) const TOP_EXAMPLES: &str = "\
Examples:
  dockpulse top                                       the running agent's containers, else the engine's
  dockpulse top --engine ssh://ops@db1 --sort memory  straight from an engine
  dockpulse top --once --filter 'web !exited'         a table, and no more
  dockpulse top --json | jq '.containers[].numbers.cpu'

Keys: ? tells them.";

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  dockpulse status
  dockpulse status --watch
  dockpulse status --json | jq .export
  dockpulse status --control unix:///run/dockpulse/control.sock

Exit status: 0 an agent has told, 1 none answers.";

pub(super) const DOCTOR_EXAMPLES: &str = "\
Examples:
  dockpulse doctor
  dockpulse doctor --config /etc/dockpulse/dockpulse.yaml
  dockpulse doctor --json | jq '.[] | select(.status != \"ok\")'

It changes nothing, and may run beside the agent.
Exit status: 0 all is well, or only worth a word (warn); 1 something has to be mended; 2 wrong settings.";

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  dockpulse config check
  dockpulse config check --config dockpulse.yaml
  dockpulse config check hosts/*.yaml";

pub(super) const PRINT_EXAMPLES: &str = "\
Examples:
  dockpulse config print
  DOCKPULSE_INTERVAL=5s dockpulse config print --config dockpulse.yaml
  dockpulse config print --json | jq -r '.settings.\"export.endpoint\".origin'";

pub(super) const SCHEMA_EXAMPLES: &str = "\
Examples:
  dockpulse config schema > dockpulse.schema.json

An editor with a YAML language server uses it for a file that begins with this line:
  # yaml-language-server: $schema=dockpulse.schema.json";

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  dockpulse completions bash > ~/.local/share/bash-completion/completions/dockpulse
  dockpulse completions zsh > \"${fpath[1]}/_dockpulse\"
  dockpulse completions fish > ~/.config/fish/completions/dockpulse.fish";

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  dockpulse man | man -l -
  dockpulse man config check | man -l -
  dockpulse man --dir ~/.local/share/man/man1";
