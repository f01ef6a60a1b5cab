// The foreign referee of the template language: Apache Velocity 1.7, set up as Amazon API Gateway's
// recorded answers say it is, and Jayway JSONPath over json-smart.
//
// One JSON object a line comes in, one goes out:
//   {"template": …, "body": …, "params": {…}, "context": {…}, "stage": {…}}  a template to render
//   {"path": …, "body": …}                                                   a JSONPath to read
//   {"bench": template, "body": …, "rounds": n}                              processor nanoseconds a render
//   {"json": text}                                                           text as json-smart reads it
// Answers: {"text": …} or {"parse": why} or {"error": why}.

import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.PathNotFoundException;
import com.jayway.jsonpath.spi.json.JsonSmartJsonProvider;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import net.minidev.json.JSONStyle;
import net.minidev.json.JSONValue;
import net.minidev.json.parser.JSONParser;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.event.InvalidReferenceEventHandler;
import org.apache.velocity.context.Context;
import org.apache.velocity.context.InternalContextAdapterImpl;
import org.apache.velocity.runtime.RuntimeInstance;
import org.apache.velocity.runtime.parser.ParseException;
import org.apache.velocity.runtime.parser.node.SimpleNode;
import org.apache.velocity.util.introspection.Info;

public final class Oracle {
    /** An unknown reference is the empty text. */
    public static final class Empty implements InvalidReferenceEventHandler {
        public Object invalidGetMethod(Context c, String reference, Object o, String property, Info info) {
            return "";
        }

        public boolean invalidSetMethod(Context c, String left, String right, Info info) {
            return false;
        }

        public Object invalidMethod(Context c, String reference, Object o, String method, Info info) {
            return "";
        }
    }

    /** `$input`. */
    public static final class Input {
        private final String body;
        private final Map<String, Object> params;
        private Object document;

        Input(String body, Map<String, Object> params) {
            this.body = body == null || body.isEmpty() ? "{}" : body;
            this.params = params;
        }

        public String getBody() {
            return body;
        }

        public Object path(String path) {
            if (document == null) {
                document = parse(body);
            }
            return read(document, path);
        }

        public String json(String path) {
            Object found = path(path);
            return found == null ? "\"\"" : JSONValue.toJSONString(found, JSONStyle.LT_COMPRESS);
        }

        public Map<String, Object> params() {
            return params;
        }

        public Object params(String name) {
            for (String place : new String[] {"path", "querystring", "header"}) {
                Object values = params.get(place);
                if (values instanceof Map && ((Map<?, ?>) values).containsKey(name)) {
                    return ((Map<?, ?>) values).get(name);
                }
            }
            return null;
        }
    }

    /** `$util`. */
    public static final class Util {
        public String escapeJavaScript(String text) {
            return StringEscapeUtils.escapeJavaScript(text);
        }

        public Object parseJson(String text) {
            return parse(text);
        }

        public String urlEncode(String text) throws Exception {
            return URLEncoder.encode(text, "UTF-8");
        }

        public String urlDecode(String text) throws Exception {
            return URLDecoder.decode(text, "UTF-8");
        }

        public String base64Encode(String text) {
            return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
        }

        public String base64Decode(String text) {
            return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
        }
    }

    private static final Configuration PATHS =
        Configuration.builder().jsonProvider(new JsonSmartJsonProvider()).build();

    private final RuntimeInstance velocity = new RuntimeInstance();

    private Oracle() {
        velocity.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        velocity.setProperty("velocimacro.permissions.allow.inline", "false");
        velocity.setProperty("directive.foreach.maxloops", "1000");
        velocity.setProperty("eventhandler.invalidreferences.class", Empty.class.getName());
        velocity.setProperty("input.encoding", "UTF-8");
        velocity.setProperty("output.encoding", "UTF-8");
        velocity.init();
        velocity.removeDirective("evaluate");
    }

    static Object parse(String text) {
        try {
            return new JSONParser(JSONParser.MODE_PERMISSIVE).parse(text, JSONValue.defaultReader.DEFAULT_ORDERED);
        } catch (Exception e) {
            throw new IllegalArgumentException(e.getMessage());
        }
    }

    static Object read(Object document, String path) {
        try {
            return JsonPath.using(PATHS).parse(document).read(path);
        } catch (PathNotFoundException e) {
            return null;
        }
    }

    private Map<String, Object> answer(Map<String, Object> asked) {
        Map<String, Object> answer = new LinkedHashMap<>();
        try {
            if (asked.containsKey("path")) {
                Object found = read(parse((String) asked.get("body")), (String) asked.get("path"));
                answer.put("text", JSONValue.toJSONString(found, JSONStyle.LT_COMPRESS));
            } else if (asked.containsKey("json")) {
                Object found = parse((String) asked.get("json"));
                answer.put("text", JSONValue.toJSONString(found, JSONStyle.LT_COMPRESS));
                answer.put("printed", String.valueOf(found));
            } else if (asked.containsKey("bench")) {
                answer.put("ns", bench(asked));
            } else {
                render(asked, answer);
            }
        } catch (ParseException e) {
            answer.put("parse", String.valueOf(e.getMessage()));
        } catch (Throwable e) {
            answer.put("error", e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        return answer;
    }

    private void render(Map<String, Object> asked, Map<String, Object> answer) throws Exception {
        SimpleNode tree = velocity.parse(new StringReader((String) asked.get("template")), "t", false);
        Map<String, Object> context = map(asked, "context");
        for (String side : new String[] {"requestOverride", "responseOverride"}) {
            Map<String, Object> members = new LinkedHashMap<>();
            members.put("header", new LinkedHashMap<String, Object>());
            if (side.startsWith("request")) {
                members.put("path", new LinkedHashMap<String, Object>());
                members.put("querystring", new LinkedHashMap<String, Object>());
            }
            context.put(side, members);
        }
        answer.put("text", run(tree, asked, context));
    }

    private String run(SimpleNode tree, Map<String, Object> asked, Map<String, Object> context) throws Exception {
        VelocityContext values = new VelocityContext();
        values.put("input", new Input((String) asked.get("body"), map(asked, "params")));
        values.put("util", new Util());
        values.put("context", context);
        values.put("stageVariables", map(asked, "stage"));
        InternalContextAdapterImpl adapter = new InternalContextAdapterImpl(values);
        adapter.pushCurrentTemplateName("t");
        StringWriter out = new StringWriter();
        tree.init(adapter, velocity);
        try {
            tree.render(adapter, out);
        } catch (org.apache.velocity.runtime.directive.StopCommand stop) {
            // The end of the template, or a #break outside of a loop.
        }
        return out.toString();
    }

    private long bench(Map<String, Object> asked) throws Exception {
        SimpleNode tree = velocity.parse(new StringReader((String) asked.get("bench")), "t", false);
        int rounds = ((Number) asked.get("rounds")).intValue();
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long start = 0;
        long bytes = 0;
        for (int i = 0; i < 2 * rounds; i++) {
            if (i == rounds) {
                start = threads.getCurrentThreadCpuTime();
            }
            bytes += run(tree, asked, new LinkedHashMap<>()).length();
        }
        long spent = threads.getCurrentThreadCpuTime() - start;
        return bytes < 0 ? 0 : spent / rounds;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Map<String, Object> asked, String name) {
        Object value = asked.get(name);
        return value == null ? new LinkedHashMap<>() : (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked")
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        Oracle oracle = new Oracle();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> asked = (Map<String, Object>) parse(line);
            out.println(JSONValue.toJSONString(oracle.answer(asked), JSONStyle.LT_COMPRESS));
            out.flush();
        }
    }
}
