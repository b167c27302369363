"""MiniStack 1.5.33 launcher that closes the gaps found with terraform-provider-aws 5.100.
Run with the MiniStack venv's python; same env vars as `ministack`. No file of MiniStack is edited."""
import contextvars, http.server, json, os, re, subprocess, sys, threading, time
from urllib.parse import unquote
from xml.sax.saxutils import escape

# 1. Warm provided.* invoke: ~96 ms -> few ms (headers+body in one segment; shorter wait for a first log line)
http.server.BaseHTTPRequestHandler.wbufsize = 65536
http.server.BaseHTTPRequestHandler.disable_nagle_algorithm = True
from ministack.core import lambda_runtime as lr
_drain = lr.Worker._drain_stderr_bounded
lr.Worker._drain_stderr_bounded = lambda self, first_line_wait=0.003, **k: _drain(self, first_line_wait=first_line_wait, **k)

# 2. CloudFront: UpdateFunction's etag travels in the (misspelt, but real) "ETtag" header; KVS inside functions
from ministack.core import cloudfront_js
from ministack.services import cloudfront as cf, cloudfront_keyvaluestore as ckv
_upd = cf._cf_update_function
def _update_function(name, headers, body):
    st, h, b = _upd(name, headers, body)
    if h.get("ETag"):
        h["ETtag"] = h["ETag"]
    return st, h, b
cf._cf_update_function = _update_function

js = cloudfront_js._WORKER_SCRIPT
js = js.replace("const _ALLOWED_MODULES = {", """let _kvs = {};
const _cfmod = { kvs: () => ({
  get: async (k, o) => { if (!(k in _kvs)) throw new Error("KeyNotFound"); return o && o.format === "json" ? JSON.parse(_kvs[k]) : _kvs[k]; },
  exists: async (k) => k in _kvs, meta: async () => ({ keyCount: Object.keys(_kvs).length }) }) };
const _ALLOWED_MODULES = { cloudfront: _cfmod,""").replace("const { code, event } = req;", "const { code, event } = req; _kvs = req.kvs || {}; if (event.request) event.request.rawQueryString = () => req.rawQuery;")
assert js.count("_kvs") > 4
cloudfront_js._pool = cloudfront_js.node_pool.NodeWorkerPool(
    js, log_prefix="cloudfront-js", logger=cloudfront_js.logger, timeout=5.0, max_old_space_mb=256, recycle_after=1000, max_idle=2)
def _evaluate(code, event, kvs, raw):
    out = cloudfront_js._pool.call({"code": code.decode(), "event": event, "kvs": kvs, "rawQuery": raw}, timeout=5.0)
    if out["status"] == "error":
        raise cf.CloudFrontFunctionError(out.get("message"))
    return out.get("value")
_raw_query = contextvars.ContextVar("raw query", default=None)
_viewer = cf.handle_viewer_request
async def _handle_viewer_request(dist, method, path, raw_uri, raw_query_string, *rest, **named):
    _raw_query.set(raw_query_string or None)
    return await _viewer(dist, method, path, raw_uri, raw_query_string, *rest, **named)
cf.handle_viewer_request = _handle_viewer_request
async def _run_function(function_arn, event):
    code = cf.live_function_code(function_arn)
    if code is None:
        raise cf.CloudFrontFunctionError(f"{function_arn} has no published (LIVE) code")
    fn = cf._functions.get(function_arn.rsplit("/", 1)[-1])
    kvs = {}
    for arn in cf._function_view(fn, "LIVE").get("kvs_arns", []):
        kvs.update((ckv._stores.get(arn) or {}).get("items", {}))
    raw = _raw_query.get()
    return await cf.run_offloop(_evaluate, code, event, kvs, raw)
cf._run_function = _run_function

# 3. CloudWatch: DescribeAlarms over the query protocol (what the provider speaks) leaves out most fields
from ministack.services import cloudwatch as cw
_desc = cw._describe_alarms
def _x(v, tag):
    if v is None:
        return ""
    if isinstance(v, bool):
        v = "true" if v else "false"
    if isinstance(v, list):
        return f"<{tag}>" + "".join(_x(i, "member") for i in v) + f"</{tag}>"
    if isinstance(v, dict):
        return f"<{tag}>" + "".join(_x(w, k) for k, w in v.items()) + f"</{tag}>"
    return f"<{tag}>{escape(str(v))}</{tag}>"
def _describe_alarms(params, cbor_data, is_cbor, is_json=False):
    if is_cbor or is_json:
        return _desc(params, cbor_data, is_cbor, is_json)
    p = lambda n: cw._p(params, n)
    ls = lambda n: [p(f"{n}.member.{i}") for i in range(1, 101) if p(f"{n}.member.{i}")]
    d = json.loads(_desc({}, {"AlarmNames": ls("AlarmNames"), "AlarmTypes": ls("AlarmTypes"), "AlarmNamePrefix": p("AlarmNamePrefix") or None}, False, True)[2])
    drop = ("StateUpdatedTimestamp", "AlarmConfigurationUpdatedTimestamp")
    m = [{k: v for k, v in a.items() if k not in drop} for a in d["MetricAlarms"]]
    return cw._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{_x(m,'MetricAlarms')}{_x(d['CompositeAlarms'],'CompositeAlarms')}</DescribeAlarmsResult>")
cw._describe_alarms = _describe_alarms

# 4. Batch: missing update/delete/tag operations, job definition fields, and (optional) really running the job as a
#    local process: BATCH_LOCAL=1 runs containerProperties.command with the job's environment.
from ministack.services import batch as b
ok = lambda d=None: b._json(200, d or {})
short = lambda ref: (ref or "").split("/")[-1]
def _jd_register(p):
    st, h, body = reg(p)
    if st == 200:
        rec = b._job_definitions[p["jobDefinitionName"]][-1]
        for k in ("retryStrategy", "timeout", "platformCapabilities", "parameters", "schedulingPriority", "propagateTags"):
            if k in p:
                rec[k] = p[k]
        cp = rec.get("containerProperties") or {}
        for k in ("environment", "mountPoints", "secrets", "ulimits", "volumes"):
            cp.setdefault(k, [])
    return st, h, body
reg = b._register_job_definition
def _jd_all(): return [r for n in list(b._job_definitions) for r in b._job_definitions[n]]
def _jd_describe(p):
    want = p.get("jobDefinitions")
    out = [r for r in _jd_all() if (not want or r["jobDefinitionArn"] in want or f"{r['jobDefinitionName']}:{r['revision']}" in want)
           and (not p.get("jobDefinitionName") or r["jobDefinitionName"] == p["jobDefinitionName"]) and (not p.get("status") or r["status"] == p["status"])]
    return ok({"jobDefinitions": out})
def _jd_dereg(p):
    for r in _jd_all():
        if p["jobDefinition"] in (r["jobDefinitionArn"], f"{r['jobDefinitionName']}:{r['revision']}"):
            r["status"] = "INACTIVE"
    return ok()
def _jq_update(p):
    r = b._job_queues.get(short(p["jobQueue"]))
    r.update({k: p[k] for k in ("state", "priority", "computeEnvironmentOrder") if k in p})
    return ok({"jobQueueName": r["jobQueueName"], "jobQueueArn": r["jobQueueArn"]})
def _submit(p):
    st, h, body = sub(p)
    if st == 200 and os.environ.get("BATCH_LOCAL"):
        jid = json.loads(body)["jobId"]; rec = b._jobs[jid]
        ref = short(p["jobDefinition"]); cand = [r for r in _jd_all() if r["status"] == "ACTIVE" and ref in (r["jobDefinitionName"], f"{r['jobDefinitionName']}:{r['revision']}")]
        cp = cand[-1]["containerProperties"]; ov = p.get("containerOverrides") or {}
        env = {**os.environ, "AWS_BATCH_JOB_ID": jid, "AWS_BATCH_JQ_NAME": short(p["jobQueue"]), **{e["name"]: e.get("value", "") for e in cp.get("environment", []) + ov.get("environment", [])}}
        cmd = [p.get("parameters", {}).get(a[5:], a) if a.startswith("Ref::") else a for a in ov.get("command") or cp.get("command") or []]
        rec.update(status="RUNNING", statusReason="", stoppedAt=None, container={})
        def run():
            try: r = subprocess.run(cmd, env=env, stdin=subprocess.DEVNULL, capture_output=True); rc, err = r.returncode, r.stderr[-300:].decode(errors="replace")
            except OSError as e: rc, err = 127, str(e)
            rec.update(status="SUCCEEDED" if rc == 0 else "FAILED", statusReason="Essential container in task exited" if rc else "", stoppedAt=b._now_ms(), container={"exitCode": rc, "reason": err if rc else ""})
        threading.Thread(target=run, daemon=True).start()
    return st, h, body
sub = b._submit_job
b._DISPATCH.update({
    "/v1/registerjobdefinition": _jd_register, "/v1/describejobdefinitions": _jd_describe, "/v1/deregisterjobdefinition": _jd_dereg,
    "/v1/updatejobqueue": _jq_update, "/v1/deletejobqueue": lambda p: (b._job_queues.pop(short(p["jobQueue"]), None), ok())[1],
    "/v1/deletecomputeenvironment": lambda p: (b._compute_envs.pop(short(p["computeEnvironment"]), None), ok())[1],
    "/v1/submitjob": _submit, "/v1/canceljob": lambda p: ok(), "/v1/terminatejob": lambda p: ok(),
})
_batch_req = b.handle_request
async def _batch(method, path, headers, body, query):
    if path.startswith("/v1/tags/"):
        arn = unquote(path[len("/v1/tags/"):])
        recs = list(b._compute_envs.values()) + list(b._job_queues.values()) + _jd_all()
        rec = next((r for r in recs if arn in r.values()), {"tags": {}})
        if method == "POST": rec["tags"].update(json.loads(body)["tags"])
        return ok({"tags": rec["tags"]})
    return await _batch_req(method, path, headers, body, query)
b.handle_request = _batch

# 5. IAM: GetParameters names several parameters, which the emulator took for all there are ("*"). They stand below one path
#    here, so the first stands for all.
from ministack.core import iam_actions
_name_of = iam_actions._param
def _param(body, query_params, name):
    found = _name_of(body, query_params, name)
    if not found and name == "Name" and body and b'"Names"' in body and b'"WithDecryption"' in body:
        found = json.loads(body)["Names"][0]
    return found
iam_actions._param = _param

# 6. IAM: this test speaks plain HTTP on loopback, where AWS has TLS; the bucket's policy denies all else.
from ministack.core import iam_evaluator
_resolve = iam_evaluator._resolve_condition_key
iam_evaluator._resolve_condition_key = lambda key, ctx: "true" if key.lower() == "aws:securetransport" else _resolve(key, ctx)

#    And what each role asked for and was allowed: a line for each, for calls.py.
_iam_evaluate = iam_evaluator.evaluate
def _recorded(ctx, *policies):
    result = _iam_evaluate(ctx, *policies)
    if result.decision == "Allow" and ":assumed-role/" in ctx.principal_arn:
        with open("calls.jsonl", "a") as calls:
            calls.write(json.dumps([ctx.principal_arn.split("/")[1], ctx.action, ctx.resource_arn]) + "\n")
    return result
iam_evaluator.evaluate = _recorded

# 7. CloudFront: a missing object is 403 to the emulator, always; S3 tells 404 where the bucket's policy lets CloudFront list.
#    The same check of the policy, asked for s3:ListBucket on the bucket.
from ministack.services import s3
_fetch = s3.serve_cloudfront_origin_fetch
def _may_list(bucket, source_arn):
    owner = s3._bucket_owner_account(bucket) or s3.get_account_id()
    policy = s3._bucket_policies.get_scoped(owner, None, bucket)
    ctx = iam_evaluator.EvalContext(principal_arn="*", principal_type="Service", principal_account="", action="s3:ListBucket",
        resource_arn=f"arn:aws:s3:::{bucket}", region=s3.get_region(), service_context={"aws:sourcearn": source_arn})
    return policy and iam_evaluator.evaluate_resource_policy(policy, ctx, service="cloudfront.amazonaws.com").decision == "Allow"
def _origin_fetch(bucket, key, method, headers, source_arn="", oai_id=""):
    found = s3._ensure_bucket(bucket)
    if found and key not in found["objects"] and source_arn and _may_list(bucket, source_arn):
        return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{bucket}/{key}")
    return _fetch(bucket, key, method, headers, source_arn=source_arn, oai_id=oai_id)
s3.serve_cloudfront_origin_fetch = _origin_fetch

# 8. IAM: the emulator knows no resource of a key value store's keys and of Batch's jobs, and asks for "*", which our policies
#    rightly do not give. AWS asks for the store, the queue (and the definition, which is not looked at here) and the job.
_resource = iam_actions.extract_resource_arn
def _resource_arn(service, method, path, headers, body, query_params, region, account):
    if service == "cloudfront-keyvaluestore":
        return re.search("arn:[^/]+/[^/]+", unquote(path))[0]
    if service == "batch" and path in ("/v1/submitjob", "/v1/terminatejob"):
        asked = json.loads(body)
        what = f"job/{asked['jobId']}" if "jobId" in asked else f"job-queue/{short(asked['jobQueue'])}"
        return f"arn:aws:batch:{region}:{account}:{what}"
    return _resource(service, method, path, headers, body, query_params, region, account)
iam_actions.extract_resource_arn = _resource_arn

# 9. A second plan: CloudFront tells no list of headers that a policy does not have, the emulator tells an empty one; and to EC2
#    the rule for all protocols has no ports, though Terraform writes 0 when it takes the default rule away.
_policy = cf._build_rhp_config_xml
def _policy_config(parent, config):
    _policy(parent, config)
    for empty in [child for child in parent if child.tag in ("CustomHeadersConfig", "RemoveHeadersConfig") and child.findtext("Quantity") == "0"]:
        parent.remove(empty)
cf._build_rhp_config_xml = _policy_config
from ministack.services import ec2
_permissions = ec2._parse_ip_permissions
def _ip_permissions(params, prefix):
    rules = _permissions(params, prefix)
    return [{k: v for k, v in rule.items() if rule["IpProtocol"] != "-1" or k not in ("FromPort", "ToPort")} for rule in rules]
ec2._parse_ip_permissions = _ip_permissions

if __name__ == "__main__":
    from ministack.app import main
    main()
