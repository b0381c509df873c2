/* SPDX-License-Identifier: MIT */
#include "aws/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Replies of the query protocol, the real ones and those that mean harm. */

static const char describe_reply[] =
	"<DescribeAutoScalingInstancesResponse "
	"xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">\n"
	"  <DescribeAutoScalingInstancesResult>\n"
	"    <AutoScalingInstances>\n"
	"      <member>\n"
	"        <InstanceId>i-0123456789abcdef0</InstanceId>\n"
	"        <HealthStatus>HEALTHY</HealthStatus>\n"
	"        <AvailabilityZone>ap-northeast-2a</AvailabilityZone>\n"
	"        <LaunchTemplate>\n"
	"          <LaunchTemplateName>api</LaunchTemplateName>\n"
	"        </LaunchTemplate>\n"
	"        <ProtectedFromScaleIn>false</ProtectedFromScaleIn>\n"
	"        <AutoScalingGroupName>a &amp; b</AutoScalingGroupName>\n"
	"        <LifecycleState>Pending:Wait</LifecycleState>\n"
	"      </member>\n"
	"    </AutoScalingInstances>\n"
	"  </DescribeAutoScalingInstancesResult>\n"
	"  <ResponseMetadata>\n"
	"    <RequestId>7c6e177f-f082-11e1-ac58-3714bEXAMPLE</RequestId>\n"
	"  </ResponseMetadata>\n"
	"</DescribeAutoScalingInstancesResponse>\n";

static const char error_reply[] =
	"<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">\n"
	"  <Error>\n"
	"    <Type>Sender</Type>\n"
	"    <Code>ValidationError</Code>\n"
	"    <Message>No active Lifecycle Action found with instance ID "
	"i-0123456789abcdef0</Message>\n"
	"  </Error>\n"
	"  <RequestId>fd38f4a0-EXAMPLE</RequestId>\n"
	"</ErrorResponse>\n";

static void assert_refused(const char *text, size_t length)
{
	struct xml xml = { 0 };
	struct error err = { 0 };

	assert_int_equal(xml_parse(text, length, &xml, &err), -EPROTO);
	assert_string_equal(err.text, "the answer is not the XML that AWS sends");
	/* set on success only */
	assert_int_equal(xml.count, 0);
	assert_null(xml.values);
}

static void refuse(const char *text)
{
	assert_refused(text, strlen(text));
}

static void parse(const char *text, struct xml *ret_xml)
{
	struct error err = { 0 };

	assert_int_equal(xml_parse(text, strlen(text), ret_xml, &err), 0);
	assert_int_equal(err.code, 0);
}

static void instance_is_found_in_its_reply(void **state)
{
	struct xml xml = { 0 };

	(void)state;
	parse(describe_reply, &xml);
	assert_int_equal(xml.count, 8);
	assert_string_equal(xml_find(&xml,
				     "AutoScalingInstances/member/AutoScalingGroupName"),
			    "a & b");
	assert_string_equal(xml_find(&xml, "AutoScalingInstances/member/LifecycleState"),
			    "Pending:Wait");
	assert_string_equal(xml_find(&xml, "LaunchTemplate/LaunchTemplateName"), "api");
	assert_null(xml_find(&xml, "Error/Code"));
	xml_done(&xml);
	xml_done(&xml);
}

static void error_is_found_in_its_reply(void **state)
{
	struct xml xml = { 0 };

	(void)state;
	parse(error_reply, &xml);
	assert_string_equal(xml_find(&xml, "Error/Code"), "ValidationError");
	assert_string_equal(xml_find(&xml, "Error/Message"),
			    "No active Lifecycle Action found with instance ID "
			    "i-0123456789abcdef0");
	assert_string_equal(xml_find(&xml, "ErrorResponse/RequestId"),
			    "fd38f4a0-EXAMPLE");
	xml_done(&xml);
}

static void ending_counts_at_an_elements_border(void **state)
{
	struct xml xml = { 0 };

	(void)state;
	parse("<a><bc>1</bc><c>2</c><c>3</c><d><c>4</c></d></a>", &xml);
	assert_string_equal(xml_find(&xml, "c"), "2");
	assert_string_equal(xml_find(&xml, "d/c"), "4");
	assert_string_equal(xml_find(&xml, "a/c"), "2");
	assert_null(xml_find(&xml, "b/c"));
	assert_null(xml_find(&xml, "x/a/c"));
	assert_null(xml_find(&xml, "/a/c"));
	xml_done(&xml);
}

static void only_leaves_have_texts(void **state)
{
	struct xml xml = { 0 };

	(void)state;
	parse("<a>before<b>in<!-- not this --><![CDATA[<side>]]></b>after<c/><d></d></a>",
	      &xml);
	assert_int_equal(xml.count, 3);
	assert_string_equal(xml_find(&xml, "b"), "in<side>");
	assert_string_equal(xml_find(&xml, "c"), "");
	assert_string_equal(xml_find(&xml, "d"), "");
	assert_null(xml_find(&xml, "a"));
	xml_done(&xml);
	/* an empty list, as for an instance that no group has */
	parse("<R><AutoScalingInstances/></R>", &xml);
	assert_null(xml_find(&xml, "AutoScalingInstances/member/LifecycleState"));
	xml_done(&xml);
}

static void what_is_no_xml_is_refused(void **state)
{
	(void)state;
	refuse("");
	refuse("{\"Error\": {}}");
	refuse("<a><b>1</b>");
	refuse("<a></b>");
	refuse("<a/><b/>");
	refuse("<a>\x01</a>");
	refuse("<a>&unknown;</a>");
	assert_refused("<a>\0</a>", 8);
	/* cut anywhere, a reply is none */
	for (size_t length = 0; length < sizeof(error_reply) - 2; length += 7)
		assert_refused(error_reply, length);
}

/* `count` times the text, between a head and a tail. */
static char *repeat(const char *head, const char *text, size_t count, const char *tail)
{
	size_t length = strlen(text);
	char *whole = memory_new(strlen(head) + length * count + strlen(tail) + 1, 1);
	char *end = stpcpy(whole, head);

	for (size_t i = 0; i < count; i++)
		end = stpcpy(end, text);
	(void)strcpy(end, tail);
	return whole;
}

static void texts_have_a_maximum(void **state)
{
	autofree char *longest = repeat("<a>", "x", 4095, "</a>");
	autofree char *longer = repeat("<a>", "x", 4096, "</a>");
	struct xml xml = { 0 };

	(void)state;
	parse(longest, &xml);
	assert_int_equal(strlen(xml_find(&xml, "a")), 4095);
	xml_done(&xml);
	refuse(longer);
}

static void values_have_a_maximum(void **state)
{
	autofree char *most = repeat("<a>", "<b/>", 4096, "</a>");
	autofree char *more = repeat("<a>", "<b/>", 4097, "</a>");
	struct xml xml = { 0 };

	(void)state;
	parse(most, &xml);
	assert_int_equal(xml.count, 4096);
	xml_done(&xml);
	refuse(more);
}

static void paths_have_a_maximum(void **state)
{
	autofree char *name = repeat("", "n", 600, "");
	autofree char *empty_element = text_format("<%s/>", name);
	autofree char *inner = text_format("<a><b>1</b><%s/></a>", name);
	autofree char *with_text = text_format("<a><%s>1</%s></a>", name, name);
	autofree char *deep = repeat("", "<a>", 1000, "");

	(void)state;
	/* expat still tells the end of an empty element after it was stopped */
	refuse(empty_element);
	refuse(inner);
	refuse(with_text);
	refuse(deep);
}

static void entities_cannot_make_it_grow(void **state)
{
	static const char laughs[] = "<!DOCTYPE r [<!ENTITY a \"0123456789\">"
				     "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
				     "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">"
				     "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">"
				     "<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">"
				     "<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">"
				     "<!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">]>"
				     "<r>&g;</r>";
	struct xml xml = { 0 };

	(void)state;
	refuse(laughs);
	/* nor read a file */
	parse("<!DOCTYPE r [<!ENTITY f SYSTEM \"/etc/passwd\">]><r>&f;</r>", &xml);
	assert_string_equal(xml_find(&xml, "r"), "");
	xml_done(&xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instance_is_found_in_its_reply),
		cmocka_unit_test(error_is_found_in_its_reply),
		cmocka_unit_test(ending_counts_at_an_elements_border),
		cmocka_unit_test(only_leaves_have_texts),
		cmocka_unit_test(what_is_no_xml_is_refused),
		cmocka_unit_test(texts_have_a_maximum),
		cmocka_unit_test(values_have_a_maximum),
		cmocka_unit_test(paths_have_a_maximum),
		cmocka_unit_test(entities_cannot_make_it_grow),
	};

	return cmocka_run_group_tests_name("aws_xml", tests, NULL, NULL);
}
