# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the manual page of the D-Bus interfaces from their introspection XML: awk -f api-manual.awk FILE.xml. It knows
# the elements that D-Bus introspection has, with those of http://www.freedesktop.org/dbus/1.0/doc.dtd for the text,
# and man(7). POSIX awk; a record is a piece of the file that ends with ">": some text, then one tag.

BEGIN {
        RS = ">"
        comment = 0
        print ".\\\" SPDX-License-Identifier: GPL-3.0-or-later"
        print ".\\\" Made from the introspection XML by api-manual.awk."
}

# The value of a tag's attribute; "" where it has none.
function attribute(tag, name,    text) {
        if (!match(tag, "[ \t\n]" name "=\"[^\"]*\""))
                return ""

        text = substr(tag, RSTART + 1, RLENGTH - 1)
        sub(/^[^"]*"/, "", text)
        sub(/"$/, "", text)
        return text
}

# Text of the XML as text of roff, in one line for each sentence.
function roff(text) {
        gsub(/[ \t\n]+/, " ", text)
        sub(/^ /, "", text)
        sub(/ $/, "", text)
        gsub(/&lt;/, "<", text)
        gsub(/&gt;/, ">", text)
        gsub(/&quot;/, "\"", text)
        gsub(/&apos;/, "'", text)
        gsub(/&amp;/, "\\&", text)
        gsub(/\\/, "\\e", text)
        gsub(/-/, "\\-", text)
        gsub(/\. /, ".\n", text)
        if (text ~ /^[.']/)
                text = "\\&" text

        return text
}

function fail(message) {
        print FILENAME ": " message > "/dev/stderr"
        failed = 1
        exit 1
}

# "s reader": an argument in a signature.
function argument_text(i) {
        return argument_type[i] " \\fI" roff(argument_name[i]) "\\fR"
}

function signature(name, direction,    i, text) {
        for (i = 1; i <= arguments; i++)
                if (argument_direction[i] == direction)
                        text = text (text == "" ? "" : ", ") argument_text(i)

        return text
}

# What stands before a member's description: its line, in the manner of its kind.
function print_heading(kind, name,    answer) {
        print ".TP"
        if (kind == "property") {
                print "\\fB" name "\\fR " property_type " (" property_access ")"
                return
        }

        answer = signature(name, "out")
        print "\\fB" name "\\fR(" signature(name, "in") ")" (answer == "" ? "" : " \\(-> " answer)
}

function print_arguments(    i) {
        for (i = 1; i <= arguments; i++) {
                if (argument_summary[i] == "")
                        fail("the argument " argument_name[i] " of " member " has no summary")
                print ".TP"
                print "\\fI" roff(argument_name[i]) "\\fR"
                print roff(argument_summary[i])
        }
}

function print_errors(    i) {
        for (i = 1; i <= errors; i++) {
                print ".TP"
                print "\\fB" error_name[i] "\\fR"
                print roff(error_text[i])
        }
}

function print_paragraphs(break_macro,    i) {
        for (i = 1; i <= paragraphs; i++) {
                if (i > 1)
                        print break_macro
                print roff(paragraph[i])
        }
}

function forget_member() {
        member = ""
        arguments = errors = paragraphs = 0
}

# A method, signal or property is complete.
function print_member(kind) {
        if (paragraphs == 0)
                fail(member " has no description")

        if (kind != section) {
                print ".SS " (kind == "method" ? "Methods" : kind == "signal" ? "Signals" : "Properties")
                section = kind
        }

        print_heading(kind, member)
        print_paragraphs(".IP")
        if (arguments + errors > 0) {
                print ".RS"
                print_arguments()
                print_errors()
                print ".RE"
        }

        forget_member()
}

# An interface's own description is printed before its first member.
function print_interface() {
        if (interface_printed)
                return

        interface_printed = 1
        print ".SH " interface
        print_paragraphs(".PP")
        paragraphs = 0
}

function print_beginning() {
        if (begun)
                return

        begun = 1
        page = interface
        print ".TH " toupper(page) " 5 \"\" icreissue \"D\\-Bus Interface\""
        print ".nr HY 0" # a name that is cut in two cannot be searched for
        print ".SH NAME"
        print page " \\- D\\-Bus interface of the card reissue service"
        print ".SH SYNOPSIS"
        print ".EX"
        if (page ~ /\.Centre$/) # not on the bus
                print "unix:path=/run/icreissue/centre.sock"
        else
                print "busctl introspect " page " " root_path(page)
        print ".EE"
        print ".SH DESCRIPTION"
        print "The interfaces of"
        print ".BR icreissued (8),"
        print "member by member, with their types as D\\-Bus writes them."
        print "Their introspection XML, of which this page is made, is installed with the service."
}

# The root object's path is the interface's name with slashes.
function root_path(name) {
        gsub(/\./, "/", name)
        return "/" name
}

function begin_member(tag) {
        print_interface()
        forget_member()
        member = attribute(tag, "name")
        property_type = attribute(tag, "type")
        property_access = attribute(tag, "access") == "read" ? "read\\-only" : "writable"
}

function add_argument(tag) {
        arguments++
        argument_name[arguments] = attribute(tag, "name")
        argument_type[arguments] = attribute(tag, "type")
        argument_direction[arguments] = attribute(tag, "direction") == "out" ? "out" : "in"
        argument_summary[arguments] = ""
}

# Comments may have tags in them.
comment || /<!--/ {
        comment = !/--$/
        next
}

{
        split_at = index($0, "<")
        if (split_at == 0)
                next

        content = substr($0, 1, split_at - 1)
        element = substr($0, split_at + 1)
        element_name = element
        if (element !~ /^\//)
                sub(/[ \t\n\/].*$/, "", element_name)
}

element_name == "interface" {
        interface = attribute(element, "name")
        interface_printed = 0
        section = ""
        forget_member()
        print_beginning()
}
element_name == "method" || element_name == "signal" || element_name == "property" {
        begin_member(element)
        if (element ~ /\/$/)
                fail(member " has no description")
}
element_name == "arg" { add_argument(element) }
element_name == "annotation" && attribute(element, "name") ~ /EmitsChangedSignal$/ {
        if (attribute(element, "value") == "const")
                property_access = property_access ", constant"
}
element_name == "/doc:para" { paragraph[++paragraphs] = content }
element_name == "/doc:summary" { argument_summary[arguments] = content }
element_name == "doc:error" { error_name[++errors] = attribute(element, "name") }
element_name == "/doc:error" { error_text[errors] = content }
element_name == "/method" { print_member("method") }
element_name == "/signal" { print_member("signal") }
element_name == "/property" { print_member("property") }
element_name == "/interface" { print_interface() }

END {
        if (failed)
                exit 1
        if (!begun) {
                print FILENAME ": no interface is in it" > "/dev/stderr"
                exit 1
        }

        print ".SH SEE ALSO"
        print ".BR icreissued (8),"
        print ".BR icreissuectl (1),"
        print ".BR icreissue.yaml (5),"
        print ".BR busctl (1),"
        print ".BR polkit (8)"
}
