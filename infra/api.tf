# The HTTP API. Its own address answers nobody: the functions want the header that only CloudFront's function knows.

locals {
  read = {
    "/api/videos/{short_id}/stream-info"                   = "stream-info"
    "/api/videos/{short_id}/hls/master.m3u8"               = "sign-manifest"
    "/api/videos/{short_id}/hls/{rendition}/playlist.m3u8" = "sign-manifest"
  }

  # Players and proxies ask for heads too, which a route of GET leaves to $default.
  routes = merge(
    { for path, function in local.read : "GET ${path}" => function },
    { for path, function in local.read : "HEAD ${path}" => function },
    { "$default" = "api" },
  )
}

resource "aws_apigatewayv2_api" "api" {
  name          = var.name
  description   = "Clipset's functions, behind CloudFront"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "function" {
  for_each = local.with_secrets

  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.function[each.key].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 29000
}

resource "aws_apigatewayv2_route" "route" {
  #checkov:skip=CKV_AWS_309:The functions check tokens themselves, and the header that only CloudFront knows.
  for_each = local.routes

  api_id    = aws_apigatewayv2_api.api.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.function[each.value].id}"
}

resource "aws_apigatewayv2_stage" "default" {
  #checkov:skip=CKV_AWS_76:The functions log each request, with its id and without its query.
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.requests_per_second
    throttling_burst_limit   = var.requests_per_second * 2
    detailed_metrics_enabled = false
  }
}

resource "aws_lambda_permission" "api" {
  for_each = local.with_secrets

  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function[each.key].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*"
}
