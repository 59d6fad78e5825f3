#!/usr/bin/env python3
"""Writes the dashboards of this folder; with --check it only says whether they are what it would write.

Every panel reads Prometheus under the names that the collector's prometheusremotewrite exporter makes (with
resource_to_telemetry_conversion), or Tempo. A panel about failures has a text for when there are none; all others show
something as long as a container runs. Nothing here belongs to one Grafana: uids are words, data sources are variables.
"""

import json
import pathlib
import sys
import urllib.parse

FOLDER = pathlib.Path(__file__).parent
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
TEMPO = {"type": "tempo", "uid": "${traces}"}
GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "#EAB839", "orange", "red", "blue", "#808080"
STATES = {"running": GREEN, "paused": BLUE, "restarting": ORANGE, "created": YELLOW, "removing": GREY, "exited": GREY,
          "dead": RED}
HEALTH = {"healthy": GREEN, "starting": YELLOW, "unhealthy": RED}


# Queries

def query(expression, legend="", *, instant=False, table=False):
    """One question to Prometheus; `instant` asks for the present only."""
    return {"datasource": PROMETHEUS, "expr": expression, "legendFormat": legend or "__auto", "instant": instant or table,
            "range": not (instant or table), "format": "table" if table else "time_series", "editorMode": "code"}


def traces(expression):
    """One search in Tempo."""
    return {"datasource": TEMPO, "query": expression, "queryType": "traceql", "tableType": "traces", "limit": 20}


def numbered(metric, label, values, matchers):
    """One series instead of one for each value of the label: the number of the value, from 1."""
    parts = [f'{metric}{{{matchers},{label}="{value}"}} * {number}' for number, value in enumerate(values, 1)]
    return f"max without ({label}) ({' or '.join(parts)})"


def new(metric, matchers, during):
    """The increase of a counter that begins with its first event: where there was nothing before, all of it is new."""
    counter = f"{metric}{{{matchers}}}"
    return f"increase({counter}[{during}]) > 0 or ({counter} unless {counter} offset {during})"


# Panels

def panel(kind, title, *targets, unit=None, description="", none=None, defaults=None, options=None, **more):
    """A panel; `none` is what it shows in place of nothing, for those that are empty while all is well."""
    for target, letter in zip(targets, "ABCDEFGHIJKLM"):
        target["refId"] = letter
    field = {"unit": unit} if unit else {}
    if none:
        field["noValue"] = none
    field |= {"color": {"mode": "palette-classic"}, "custom": {}} | (defaults or {})
    return {"type": kind, "title": title, "description": description, "targets": list(targets),
            "datasource": targets[0]["datasource"], "fieldConfig": {"defaults": field, "overrides": []},
            "options": options or {}, **more}


def graph(title, *targets, unit, stacked=False, bars=False, top=None, steps=None, overrides=(), **more):
    """Lines over time. `steps` are thresholds that are drawn, `top` is the end of the axis."""
    custom = {"drawStyle": "bars" if bars else "line", "lineWidth": 0 if bars else 1,
              "fillOpacity": 80 if bars else 30 if stacked else 8, "showPoints": "never", "spanNulls": False,
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"}, "axisSoftMin": 0,
              "thresholdsStyle": {"mode": "dashed" if steps else "off"}}
    defaults = {"custom": custom}
    if not more.pop("signed", False):
        defaults["min"] = 0
    if top is not None:
        defaults["max"] = top
    if steps:
        defaults["thresholds"] = thresholds(steps)
    made = panel("timeseries", title, *targets, unit=unit, defaults=defaults, options={
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"], "showLegend": True,
                   "sortBy": "Last *", "sortDesc": True},
        "tooltip": {"mode": "multi", "sort": "desc"}}, **more)
    made["fieldConfig"]["overrides"] = list(overrides)
    return made


def stat(title, *targets, unit="none", steps=None, spark=True, mappings=None, **more):
    """One big number."""
    defaults = {"thresholds": thresholds(steps or {}), "color": {"mode": "thresholds"}, "decimals": more.pop("decimals", None)}
    if mappings:
        defaults["mappings"] = mappings
    return panel("stat", title, *targets, unit=unit, defaults=defaults, options={
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value",
        "graphMode": "area" if spark else "none", "textMode": more.pop("text", "value"), "justifyMode": "auto"}, **more)


def timeline(title, target, values, **more):
    """What was when, as coloured bars."""
    return panel("state-timeline", title, target, defaults={
        "custom": {"fillOpacity": 80, "lineWidth": 0}, "mappings": values, "thresholds": thresholds({})}, options={
        "mergeValues": True, "showValue": "auto", "rowHeight": 0.8, "legend": {"showLegend": False}}, **more)


def table(title, *targets, rename, hide=(), overrides=(), sort=None, **more):
    """Rows that belong together by their labels."""
    order = {name: at for at, name in enumerate(rename)}
    made = panel("table", title, *targets, defaults={"custom": {"align": "auto", "filterable": True}}, options={
        "showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": sort, "desc": True}] if sort else []},
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": {
            "excludeByName": {name: True for name in ("Time", *hide)}, "indexByName": order, "renameByName": rename}}],
        **more)
    made["fieldConfig"]["overrides"] = list(overrides)
    return made


def found(title, search, **more):
    """Traces, each a link to all of its spans."""
    return panel("table", title, traces(search), options={"showHeader": True, "cellHeight": "sm"}, **more)


# What panels are made of

def thresholds(steps):
    """{} is green; {0.8: orange} is orange from 0.8 on."""
    first = {"color": steps.get(None, GREEN), "value": None}
    return {"mode": "absolute", "steps": [first] + [
        {"color": colour, "value": value} for value, colour in steps.items() if value is not None]}


def mapped(colours):
    """Texts and colours for numbers from 1, or for the texts themselves."""
    numbers = {str(number): {"text": text, "color": colour, "index": number}
               for number, (text, colour) in enumerate(colours.items(), 1)}
    return [{"type": "value", "options": numbers}]


def named(colours):
    return [{"type": "value", "options": {text: {"text": text, "color": colour, "index": at}
                                          for at, (text, colour) in enumerate(colours.items())}}]


def override(field, **properties):
    """Other settings for the fields of one name; `custom_x` stands for `custom.x`."""
    return {"matcher": {"id": "byName", "options": field}, "properties": [
        {"id": name.replace("custom_", "custom."), "value": value} for name, value in properties.items()]}


def of_query(letter, **properties):
    """Other settings for all that one query of a panel gives."""
    return override(letter, **properties) | {"matcher": {"id": "byFrameRefID", "options": letter}}


def link(title, url):
    return {"title": title, "url": url, "targetBlank": False}


def explore(search):
    """The address of a search in Tempo, over the time that the dashboard shows."""
    panes = {"traces": {"datasource": "${traces}", "queries": [traces(search) | {"refId": "A"}],
                        "range": {"from": "${__from}", "to": "${__to}"}}}
    text = json.dumps(panes, separators=(",", ":"))
    return "/explore?schemaVersion=1&panes=" + urllib.parse.quote(text, safe="${}:,[]_")


# Variables

def source(name, label, kind, uid):
    return {"type": "datasource", "name": name, "label": label, "query": kind, "hide": 0, "refresh": 1,
            "current": {"text": uid.capitalize(), "value": uid}, "includeAll": False, "multi": False, "options": []}


def choice(name, label, values, many=True):
    """Values of a label; `many` offers all of them at once."""
    made = {"type": "query", "name": name, "label": label, "datasource": PROMETHEUS, "definition": values, "refresh": 2,
            "query": {"query": values, "refId": "A"}, "sort": 1, "hide": 0, "includeAll": many, "multi": many,
            "options": [], "regex": ""}
    if many:
        made |= {"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    return made


# Dashboards

def dashboard(uid, title, description, variables, rows):
    """Rows are (height, [(width, panel), …]) or the title of what follows; 24 columns."""
    panels, y = [], 0
    for row in rows:
        if isinstance(row, str):
            panels.append({"type": "row", "title": row, "collapsed": False, "panels": [],
                           "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
            y += 1
            continue
        height, members = row
        x = 0
        for width, member in members:
            panels.append(member | {"gridPos": {"h": height, "w": width, "x": x, "y": y}})
            x += width
        assert x == 24, (title, [member["title"] for _, member in members], x)
        y += height
    for number, one in enumerate(panels, 1):
        one["id"] = number
    return {"uid": uid, "title": title, "description": description, "tags": ["dockpulse"], "schemaVersion": 39,
            "version": 1, "editable": True, "graphTooltip": 1, "refresh": "10s", "timezone": "",
            "time": {"from": "now-30m", "to": "now"}, "timepicker": {}, "annotations": {"list": []},
            "links": [{"type": "dashboards", "title": "dockpulse", "tags": ["dockpulse"], "asDropdown": False,
                       "keepTime": True, "includeVars": False, "targetBlank": False, "icon": "external link"}],
            "templating": {"list": variables}, "panels": panels}


def fleet():
    host = 'host_name=~"$host"'
    engine = 'dockpulse_engine_name=~"$engine"'
    by = "by (host_name, container_name)"
    container = "/d/dockpulse-container?var-host=${__field.labels.host_name}" \
                "&var-container=${__field.labels.container_name}&${__url_time_range}"
    to_container = {"links": [link("This container", container)]}
    row_link = "/d/dockpulse-container?var-host=${__data.fields.Host}&var-container=${__data.fields.Container}" \
               "&${__url_time_range}"

    def each(title, expression, unit, **more):
        made = graph(title, query(f"topk(20, {expression})", "{{container_name}}"), unit=unit, **more)
        made["fieldConfig"]["defaults"] |= to_container
        return made

    def both(title, metric, label, down, up, none):
        shown = f"sum by ({label}) (rate({metric}{{{host}}}[$__rate_interval]))"
        negative = {"matcher": {"id": "byRegexp", "options": f"/{up}/"},
                    "properties": [{"id": "custom.transform", "value": "negative-Y"}]}
        return graph(title, query(shown, f"{{{{{label}}}}}"), unit="binBps", signed=True, overrides=[negative],
                     none=none, description=f"{down} above, {up} below")

    def row(expression):
        return query(expression, table=True)

    throttled = (f"sum {by} (rate(container_cpu_throttling_data_throttled_periods_total{{{host}}}[$__rate_interval])) / "
                 f"clamp_min(sum {by} (rate(container_cpu_throttling_data_periods_total{{{host}}}[$__rate_interval])), 0.001)")
    limit_share = (f"max {by} (container_memory_working_set_bytes{{{host}}}) / "
                   f"max {by} (container_memory_limit_bytes{{{host}}})")
    return dashboard("dockpulse-fleet", "Docker fleet", "All containers of all engines.", [
        source("datasource", "Metrics", "prometheus", "prometheus"),
        choice("engine", "Engine", "label_values(dockpulse_engine_up, dockpulse_engine_name)"),
        choice("host", "Host", "label_values(container_status_state, host_name)"),
    ], [
        (4, [
            (3, stat("Engines up", query(f"sum(dockpulse_engine_up{{{engine}}})"))),
            (3, stat("Engines down", query(f"sum(1 - dockpulse_engine_up{{{engine}}})"), steps={1: RED})),
            (3, stat("Running", query(f'count(container_status_state{{{host},container_status_state=~"running|paused"}})'))),
            (3, stat("Not running", query(
                f'count(container_status_state{{{host},container_status_state!~"running|paused"}}) or vector(0)'),
                steps={None: "text"})),
            (3, stat("Unhealthy", query(
                f'count(container_status_health{{{host},container_status_health="unhealthy"}}) or vector(0)'),
                steps={1: RED})),
            (3, stat("Restarts", query(f"round(sum(increase(container_restarts_total{{{host}}}[$__range])))", instant=True),
                     steps={1: ORANGE, 10: RED}, spark=False, description="By restart policies, over the time shown")),
            (3, stat("CPUs in use", query(f"sum(container_cpu_usage{{{host}}})"), decimals=2, steps={None: "text"})),
            (3, stat("Memory in use", query(f"sum(container_memory_working_set_bytes{{{host}}})"), unit="bytes",
                     steps={None: "text"})),
        ]),
        (7, [
            (12, table("Alerts", row('ALERTS{alertstate="firing"}'), none="No alert",
                       rename={"severity": "Severity", "alertname": "Alert", "container_name": "Container",
                               "dockpulse_engine_name": "Engine", "host_name": "Host"},
                       hide=("Value", "Value #A", "__name__", "alertstate", "container_id", "container_image_id",
                             "container_image_name", "container_image_tags", "container_runtime_name", "host_arch",
                             "instance", "job", "otel_scope_name", "otel_scope_version", "service_instance_id",
                             "service_name", "service_namespace", "service_version"),
                       overrides=[override("Severity", mappings=named({"critical": RED, "warning": ORANGE}),
                                           custom_cellOptions={"type": "color-text"})],
                       description="The rules of Prometheus that fire now")),
            (12, timeline("Engines", query(f"max by (dockpulse_engine_name) (dockpulse_engine_up{{{engine}}}) + 1",
                                           "{{dockpulse_engine_name}}"), mapped({"down": RED, "up": GREEN}))),
        ]),
        "Use",
        (9, [
            (12, each("CPU", f"sum {by} (rate(container_cpu_time_seconds_total{{{host}}}[$__rate_interval]))", "none",
                      description="CPUs in use; the 20 containers with most")),
            (12, each("Memory", f"sum {by} (container_memory_working_set_bytes{{{host}}})", "bytes",
                      description="Without the inactive page cache, as docker stats shows; the 20 containers with most")),
        ]),
        (9, [
            (12, each("Memory of the limit", limit_share, "percentunit", top=1, steps={0.9: RED}, none="No container is limited",
                      description="Of the containers that have a limit")),
            (12, each("CPU throttled", throttled, "percentunit", top=1, steps={0.25: ORANGE},
                      description="Share of the scheduler's periods in which a container had used up its limit")),
        ]),
        (8, [
            (8, both("Network", "container_network_io_bytes_total", "network_io_direction", "receive", "transmit",
                     "No container has a network")),
            (8, both("Disk", "container_disk_io_bytes_total", "disk_io_direction", "read", "write",
                     "The kernels have counted nothing")),
            (8, graph("Containers by state", query(
                f"sum by (container_status_state) (dockpulse_engine_containers{{{engine}}}) > 0",
                "{{container_status_state}}"), unit="none", stacked=True, overrides=[
                    override(state, color={"mode": "fixed", "fixedColor": colour}) for state, colour in STATES.items()])),
        ]),
        "Containers",
        (14, [
            (24, table(
                "All containers",
                row(f"max by (host_name, container_name, container_image_name, container_status_state) "
                    f"(container_status_state{{{host}}})"),
                row(f"sum {by} (container_cpu_usage{{{host}}})"),
                row(f"sum {by} (container_memory_working_set_bytes{{{host}}})"),
                row(limit_share),
                row(f'sum {by} (rate(container_network_io_bytes_total{{{host},network_io_direction="receive"}}[1m]))'),
                row(f'sum {by} (rate(container_network_io_bytes_total{{{host},network_io_direction="transmit"}}[1m]))'),
                row(f"max {by} (container_pids_count{{{host}}})"),
                row(f"max {by} (container_restarts_total{{{host}}})"),
                row(f"max {by} (container_uptime_seconds{{{host}}})"),
                rename={"container_name": "Container", "host_name": "Host", "container_image_name": "Image",
                        "container_status_state": "State", "Value #B": "CPU", "Value #C": "Memory",
                        "Value #D": "Of limit", "Value #E": "Received", "Value #F": "Sent", "Value #G": "Pids",
                        "Value #H": "Restarts", "Value #I": "Up"},
                hide=("Value #A",), sort="CPU",
                overrides=[
                    override("Container", links=[link("This container", row_link)]),
                    override("State", mappings=named(STATES), custom_cellOptions={"type": "color-text"}),
                    override("CPU", unit="none", decimals=2),
                    override("Memory", unit="bytes"),
                    override("Of limit", unit="percentunit", min=0, max=1, decimals=0,
                             thresholds=thresholds({0.8: ORANGE, 0.9: RED}), color={"mode": "thresholds"},
                             custom_cellOptions={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
                    override("Received", unit="binBps"), override("Sent", unit="binBps"),
                    override("Restarts", thresholds=thresholds({None: "text", 1: ORANGE, 10: RED}),
                             color={"mode": "thresholds"}, custom_cellOptions={"type": "color-text"}),
                    override("Up", unit="dtdurations"),
                ])),
        ]),
    ])


def container():
    one = 'host_name=~"$host",container_name="$container"'

    def rate(metric, by, matchers=""):
        return f"sum by ({by}) (rate({metric}{{{one}{matchers}}}[$__rate_interval]))"

    def now(metric):
        return f"max({metric}{{{one}}})"

    def two_ways(title, first, second, label, by, unit):
        """Bytes on the left axis, and what comes with them on the right."""
        other = of_query("B", unit="cps", custom_axisPlacement="right", custom_lineStyle={"fill": "dash", "dash": [4, 4]})
        return graph(title, query(rate(first, f"{by}, {label}"), f"{{{{{by}}}}} {{{{{label}}}}}"),
                     query(rate(second[1], f"{by}, {label}"), f"{{{{{by}}}}} {{{{{label}}}}} {second[0]}"),
                     unit=unit, overrides=[other], none="None of its own")

    periods = "container_cpu_throttling_data"
    limit = "container_memory_limit_bytes"
    red_line = {"color": {"mode": "fixed", "fixedColor": RED}, "custom_lineStyle": {"fill": "dash", "dash": [8, 6]},
                "custom_fillOpacity": 0}
    state = numbered("container_status_state", "container_status_state", STATES, one)
    health = numbered("container_status_health", "container_status_health", HEALTH, one)
    share = f"max(container_memory_working_set_bytes{{{one}}}) / max({limit}{{{one}}})"
    return dashboard("dockpulse-container", "Docker container", "One container, over all that were called so.", [
        source("datasource", "Metrics", "prometheus", "prometheus"),
        choice("host", "Host", "label_values(container_status_state, host_name)"),
        choice("container", "Container", 'label_values(container_status_state{host_name=~"$host"}, container_name)', many=False),
    ], [
        (4, [
            (3, stat("State", query(f"max({state})", instant=True), mappings=mapped(STATES), spark=False)),
            (3, stat("Health", query(f"max({health})", instant=True), mappings=mapped(HEALTH), spark=False,
                     none="no check")),
            (3, stat("Up", query(now("container_uptime_seconds"), instant=True), unit="dtdurations", spark=False,
                     steps={None: "text"}, none="not running")),
            (3, stat("Restarts", query(now("container_restarts_total"), instant=True), spark=False,
                     steps={1: ORANGE, 10: RED}, description="Since it was created")),
            (3, stat("Last exit", query(now("container_status_exit_code_ratio"), instant=True), spark=False,
                     steps={1: RED}, none="–", description="Its exit code, once it has ended")),
            (3, stat("Killed for memory", query(f"max(container_memory_oom_kill_count_total{{{one}}}) or vector(0)",
                                                instant=True), spark=False, steps={1: RED})),
            (3, stat("CPUs now", query(f"sum(container_cpu_usage{{{one}}})"), decimals=2, steps={None: "text"},
                     none="not running")),
            (3, stat("Memory now", query(f"sum(container_memory_working_set_bytes{{{one}}})"), unit="bytes",
                     steps={None: "text"}, none="not running")),
        ]),
        (4, [(24, timeline("Life", query(f"max({state})", "state"), mapped(STATES)))]),
        (9, [
            (12, graph("CPU", query(rate("container_cpu_time_seconds_total", "cpu_mode"), "{{cpu_mode}}"),
                       query(now("container_cpu_limit"), "limit"), unit="none", stacked=True,
                       overrides=[override("limit", custom_stacking={"mode": "none"}, **red_line)],
                       description="CPUs in use, and the limit if there is one")),
            (12, graph("Memory", query(f"sum(container_memory_working_set_bytes{{{one}}})", "working set"),
                       query(f"sum(container_memory_rss_bytes{{{one}}})", "rss"),
                       query(f"sum(container_memory_usage_bytes{{{one}}})", "with page cache"),
                       query(now(limit), "limit"), unit="bytes", overrides=[override("limit", **red_line)])),
        ]),
        (8, [
            (8, graph("Throttled", query(
                f"sum(rate({periods}_throttled_periods_total{{{one}}}[$__rate_interval])) / "
                f"clamp_min(sum(rate({periods}_periods_total{{{one}}}[$__rate_interval])), 0.001)", "of its periods"),
                query(f"sum(rate({periods}_throttled_time_nanoseconds_total{{{one}}}[$__rate_interval])) / 1e9",
                      "time waiting, CPUs"),
                unit="percentunit", steps={0.25: ORANGE}, overrides=[of_query("B", unit="none", custom_axisPlacement="right")],
                description="Periods of the scheduler in which it had used up its limit")),
            (8, graph("Memory of the limit", query(share, "working set"), unit="percentunit", top=1, steps={0.9: RED},
                      none="No limit")),
            (8, graph("Page faults", query(rate("container_paging_faults_total", "system_paging_fault_type"),
                                           "{{system_paging_fault_type}}"), unit="cps")),
        ]),
        (9, [
            (12, two_ways("Network", "container_network_io_bytes_total", ("packets", "container_network_packet_count_total"),
                          "network_io_direction", "network_interface_name", "binBps")),
            (12, two_ways("Disk", "container_disk_io_bytes_total", ("operations", "container_disk_operations_total"),
                          "disk_io_direction", "system_device", "binBps")),
        ]),
        (8, [
            (12, graph("Packets lost", query(rate("container_network_packet_dropped_total", "network_io_direction"),
                                             "dropped {{network_io_direction}}"),
                       query(rate("container_network_errors_total", "network_io_direction"),
                             "errors {{network_io_direction}}"), unit="cps", none="None of its own")),
            (12, graph("Processes and threads", query(now("container_pids_count"), "now"),
                       query(now("container_pids_limit"), "limit"), unit="none",
                       overrides=[override("limit", **red_line)])),
        ]),
    ])


def agent():
    own = 'instance=~"$agent"'
    engine = 'dockpulse_engine_name=~"$engine"'
    mine = 'resource.service.name = "dockpulse" && resource.service.instance.id =~ "$agent"'
    probes = explore(f'{{ {mine} && name = "probe" }}')
    exports = explore(f'{{ {mine} && name = "export" }}')
    recent = "[$__rate_interval]"

    def quantiles(metric, by, matchers, legend):
        return [query(f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket{{{matchers}}}{recent})))",
                      f"{legend} p{int(q * 100)}") for q in (0.5, 0.99)]

    def linked(made, title, url):
        made["fieldConfig"]["defaults"]["links"] = [link(title, url)]
        return made

    lost = (f"sum(increase(dockpulse_points_dropped_total{{{own}}}[$__range])) + "
            f"sum(increase(dockpulse_export_rejected_points_total{{{own}}}[$__range]))")
    return dashboard("dockpulse-agent", "dockpulse", "The agent itself: what it took back, what it lost, how long it took.", [
        source("datasource", "Metrics", "prometheus", "prometheus"),
        source("traces", "Traces", "tempo", "tempo"),
        choice("agent", "Agent", "label_values(dockpulse_series_live, instance)"),
        choice("engine", "Engine", "label_values(dockpulse_engine_up, dockpulse_engine_name)"),
    ], [
        (4, [
            (4, stat("Engines down", query(f"sum(1 - dockpulse_engine_up{{{engine}}})"), steps={1: RED})),
            (4, stat("Series live now", query(f"sum(dockpulse_series_live{{{own}}})"), steps={None: "text"},
                     description="Published and not taken back")),
            (4, stat("Series taken back", query(f"round(sum(increase(dockpulse_series_retracted_total{{{own}}}[$__range])))",
                                                instant=True), spark=False, steps={None: "text"},
                     description="Over the time shown")),
            (4, stat("Points lost", query(f"round({lost})", instant=True), spark=False, steps={1: RED},
                     description="Dropped by dockpulse or rejected by the collector, over the time shown")),
            (4, stat("Waiting for the collector", query(f"max(dockpulse_outbox_oldest_age_seconds{{{own}}})"), unit="s",
                     steps={60: ORANGE, 300: RED}, description="Age of the oldest batch in the outbox")),
            (4, stat("Last good probe", query(f"max(time() - dockpulse_probe_last_success_seconds{{{engine}}})"),
                     unit="s", steps={60: ORANGE, 300: RED}, description="How long ago, of the engine that is last")),
        ]),
        "Retractions",
        (9, [
            (16, graph("Series taken back, by reason", query(
                f"sum by (dockpulse_reason) (increase(dockpulse_series_retracted_total{{{own}}}[$__interval])) > 0",
                "{{dockpulse_reason}}"), unit="none", bars=True, stacked=True, interval="1m",
                none="Nothing was taken back",
                description="Each minute. A series is taken back when what it tells of is gone or cannot be vouched for")),
            (8, graph("Series live", query(f"sum by (instance) (dockpulse_series_live{{{own}}})", "{{instance}}"),
                      query(f"sum by (instance) (dockpulse_containers_over_cap{{{own}}})",
                            "{{instance}} containers over the cap"), unit="none")),
        ]),
        "Engines",
        (9, [
            (8, linked(graph("Length of a probe", *quantiles(
                "dockpulse_probe_duration_seconds", "dockpulse_engine_name", f"{own},{engine}",
                "{{dockpulse_engine_name}}"), unit="s"), "Traces of probes", probes)),
            (8, linked(graph("Length of a list", *quantiles(
                "dockpulse_probe_list_duration_seconds", "dockpulse_engine_name", f"{own},{engine}",
                "{{dockpulse_engine_name}}"), unit="s"), "Traces of probes", probes)),
            (8, graph("Failures", query(
                f"sum by (dockpulse_engine_name, dockpulse_failure) "
                f"({new('dockpulse_probe_failures_total', f'{own},{engine}', '$__interval')})",
                "{{dockpulse_engine_name}} {{dockpulse_failure}}"), unit="none", bars=True, stacked=True, interval="1m",
                none="No failures", description="Calls to engines that failed, each minute")),
        ]),
        "Collector",
        (9, [
            (8, graph("Requests", query(
                f"sum by (dockpulse_outcome) (rate(dockpulse_export_requests_total{{{own}}}{recent}))",
                "{{dockpulse_outcome}}"), unit="reqps", stacked=True, overrides=[
                    override(outcome, color={"mode": "fixed", "fixedColor": colour}) for outcome, colour in
                    (("delivered", GREEN), ("partial", YELLOW), ("retry", ORANGE), ("dropped", RED))])),
            (8, linked(graph("Length of a request", *quantiles(
                "dockpulse_export_duration_seconds", "dockpulse_outcome", own, "{{dockpulse_outcome}}"), unit="s"),
                "Traces of requests", exports)),
            (8, graph("Outbox", query(f"sum by (instance) (dockpulse_outbox_bytes{{{own}}})", "{{instance}}"),
                      query(f"sum by (instance) (dockpulse_outbox_batches{{{own}}})", "{{instance}} batches"), unit="bytes",
                      overrides=[of_query("B", unit="none", custom_axisPlacement="right")],
                      description="What waits for the collector")),
        ]),
        (8, [
            (12, graph("Points dropped, by reason", query(
                f"sum by (dockpulse_reason) (increase(dockpulse_points_dropped_total{{{own}}}{recent}))",
                "{{dockpulse_reason}}"), unit="none", stacked=True,
                description="refused: the collector will never take them; gave_up, outbox_full: it was away for too long; "
                            "unusable: numbers of the engine that cannot be sent")),
            (12, graph("Rejected, cut and late", query(
                f"sum(increase(dockpulse_export_rejected_points_total{{{own}}}{recent}))", "points rejected by the collector"),
                query(f"sum(increase(dockpulse_attributes_cut_total{{{own}}}{recent}))", "attributes cut"),
                query(f"sum({new('dockpulse_samples_dropped_total', own, '$__rate_interval')}) or vector(0)",
                      "samples of streams that came too late"), unit="none")),
        ]),
        "Traces",
        (10, [
            (12, found("Probes", f'{{ {mine} && name = "probe" }}',
                       description="One trace a probe: list, sample, convert, commit")),
            (12, found("Failed", f"{{ {mine} && status = error }}", none="No failures",
                       description="Probes and requests with an error")),
        ]),
    ])


def dashboards():
    """The files of this folder, by name."""
    made = {"fleet.json": fleet(), "container.json": container(), "dockpulse.json": agent()}
    return {name: json.dumps(one, indent=2, ensure_ascii=False) + "\n" for name, one in made.items()}


def main():
    wanted, there = dashboards(), {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    if "--check" not in sys.argv[1:]:
        for name, text in wanted.items():
            (FOLDER / name).write_text(text)
        return 0
    differ = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    for name in differ:
        print(f"{FOLDER / name} is not what generate.py makes: run it", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
