"""The check of policies finds what would be refused on a real account."""
import pytest
from permissions import faults, reference

ACTIONS = reference()
BUCKET = "arn:aws:s3:::clips"
QUEUES = ["arn:aws:batch:us-east-1:123456789012:job-queue/clipset-*", "arn:aws:batch:us-east-1:123456789012:job-definition/clipset-*"]


def said(actions, resources):
    return faults({"Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]}, ACTIONS)


@pytest.mark.parametrize("actions, resources", [
    (["s3:GetObject"], [f"{BUCKET}/hls/*"]),
    (["s3:ListBucket", "s3:ListBucketMultipartUploads"], [BUCKET]),
    (["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/clipset-api:*"]),
    (["mediaconvert:CreateJob", "mediaconvert:GetJob"], ["arn:aws:mediaconvert:us-east-1:123456789012:*"]),
    (["mediaconvert:Probe"], ["*"]),
    (["batch:SubmitJob", "batch:TerminateJob"], QUEUES + ["arn:aws:batch:us-east-1:123456789012:job/*"]),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:clipset-events"),
])
def test_what_aws_allows_is_right(actions, resources):
    assert said(actions, resources) == []


@pytest.mark.parametrize("actions, resources, why", [
    (["s3:HeadObject"], [f"{BUCKET}/*"], "is no action"),
    (["mediaconvert:CreateJob", "mediaconvert:Probe"], ["arn:aws:mediaconvert:us-east-1:123456789012:*"], "Probe has no resource types"),
    (["batch:ListJobs"], QUEUES, "ListJobs has no resource types"),
    (["batch:SubmitJob"], QUEUES[:1], "SubmitJob needs a resource like"),
    (["s3:ListBucket"], [f"{BUCKET}/*"], "ListBucket needs a resource like"),
    (["s3:GetObject"], [BUCKET], "GetObject needs a resource like"),
    (["cloudfront:CreateInvalidation"], ["arn:aws:s3:::clips/a"], "no resource like"),
    (["s3:GetObject"], ["*"], "for everything"),
])
def test_what_aws_would_not_allow_is_told(actions, resources, why):
    assert any(why in fault for fault in said(actions, resources)), said(actions, resources)
