/// The script of the page of `GET /docs`. It makes elements and texts, never markup, so that no text of the document can become code.
enum DocsScript {
    static let text = ##"""
        'use strict';

        const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'];
        const deepest = 8;

        function make(tag, className, text) {
          const element = document.createElement(tag);
          if (className) element.className = className;
          if (text !== undefined) element.textContent = text;
          return element;
        }

        function resolved(root, value) {
          for (let steps = 0; steps < 8 && value && typeof value.$ref === 'string'; steps += 1) {
            value = value.$ref.replace(/^#\//, '').split('/').reduce((part, key) => (part ? part[key] : undefined), root);
          }
          return value || {};
        }

        function typeName(schema) {
          if (schema.anyOf) return [...new Set(schema.anyOf.map(typeName))].join(' or ');
          if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(', ');
          if (Array.isArray(schema.type)) return schema.type.join(' or ');
          if (schema.type === 'array') {
            const items = schema.items ? typeName(schema.items) : 'any';
            return 'array of ' + (items === 'any' ? 'any values' : items);
          }
          let name = schema.type || 'any';
          const bounds = [];
          if (schema.minimum !== undefined) bounds.push('≥ ' + schema.minimum);
          if (schema.maximum !== undefined) bounds.push('≤ ' + schema.maximum);
          if (bounds.length > 0) name += ' ' + bounds.join(', ');
          return name;
        }

        // Returns the schema with the members of a value, which may be one of several forms or the element of an array.
        function withMembers(schema) {
          for (const form of [schema, ...(schema.anyOf || [])]) {
            if (form.properties) return form;
            if (form.items && form.items.properties) return form.items;
          }
          return undefined;
        }

        function fieldItem(name, schema, required, level) {
          const item = make('li');
          item.append(make('span', 'name', name), ' ', make('span', 'type', typeName(schema)));
          if (required) item.append(' ', make('span', 'required', 'required'));
          if (schema.description) item.append(make('span', 'text', schema.description));
          const inner = withMembers(schema);
          if (inner && level < deepest) item.append(fieldList(inner, level + 1));
          return item;
        }

        function fieldList(schema, level) {
          const list = make('ul', 'fields');
          const required = schema.required || [];
          for (const [name, member] of Object.entries(schema.properties || {})) {
            list.append(fieldItem(name, member, required.includes(name), level));
          }
          return list;
        }

        function addBody(box, title, media) {
          for (const [type, content] of Object.entries(media || {})) {
            box.append(make('h3', '', title + ' (' + type + ')'));
            const schema = content.schema || content['x-item-schema'] || {};
            const forms = schema.anyOf && !withMembers({ ...schema, anyOf: [] }) ? schema.anyOf : [schema];
            for (const form of forms) {
              const inner = withMembers(form);
              box.append(inner ? fieldList(inner, 0) : make('p', 'note', typeName(form)));
            }
            const refused = schema['x-refused-fields'] || [];
            if (refused.length > 0) box.append(make('p', 'note', 'Refused with a 400: ' + refused.join(', ')));
          }
        }

        function addParameters(box, parameters) {
          if (parameters.length === 0) return;
          box.append(make('h3', '', 'Parameters'));
          const list = make('ul', 'fields');
          for (const parameter of parameters) {
            const schema = { ...parameter.schema, description: parameter.description };
            list.append(fieldItem(parameter.name + ' (' + parameter.in + ')', schema, parameter.required, 0));
          }
          box.append(list);
        }

        function addResponses(box, root, responses) {
          for (const [status, reference] of Object.entries(responses || {})) {
            if (status >= '300') continue;
            const response = resolved(root, reference);
            addBody(box, 'Response ' + status, response.content);
            if (!response.content) box.append(make('h3', '', 'Response ' + status), make('p', 'note', 'without a body'));
          }
          box.append(make('h3', '', 'Errors'));
          const list = make('ul', 'fields');
          for (const [status, reference] of Object.entries(responses || {})) {
            if (status < '300') continue;
            const item = make('li');
            item.append(make('span', 'name', status), make('span', 'text', resolved(root, reference).description));
            list.append(item);
          }
          box.append(list);
        }

        function fill(box, root, operation) {
          if (operation.description) box.append(make('p', '', operation.description));
          const others = operation['x-other-paths'] || [];
          if (others.length > 0) box.append(make('p', 'note', 'Also at ' + others.join(', ')));
          addParameters(box, operation.parameters || []);
          if (operation.requestBody) addBody(box, 'Request', operation.requestBody.content);
          addResponses(box, root, operation.responses);
        }

        // Returns the words that the filter searches: the method, the paths and the names of all fields.
        function words(value, found) {
          if (value === null || typeof value !== 'object') return found;
          for (const [key, member] of Object.entries(value)) {
            if (key === 'properties') found.push(...Object.keys(member));
            if (key !== 'responses') words(member, found);
          }
          return found;
        }

        function routeBox(root, path, method, operation) {
          const details = make('details', 'route');
          const summary = make('summary');
          summary.append(make('span', 'method ' + method, method.toUpperCase()), make('span', 'path', path));
          details.append(summary);
          details.id = operation.operationId;
          const fillOnce = () => {
            if (details.childElementCount > 1) return;
            const inside = make('div', 'inside');
            fill(inside, root, operation);
            details.append(inside);
          };
          details.addEventListener('toggle', () => { if (details.open) fillOnce(); });
          const names = (operation.parameters || []).map((parameter) => parameter.name);
          const text = [method, path, ...names, ...words(operation.requestBody || {}, [])].join(' ').toLowerCase();
          return { details, text };
        }

        function show(root) {
          const main = document.getElementById('routes');
          document.getElementById('about').textContent = root.info.description;
          document.getElementById('version').textContent = 'version ' + root.info.version;
          const sections = [];
          for (const tag of root.tags) {
            const section = make('section');
            section.append(make('h2', '', tag.name));
            const boxes = [];
            for (const [path, item] of Object.entries(root.paths)) {
              for (const method of methods) {
                const operation = item[method];
                if (operation && operation.tags[0] === tag.name) boxes.push(routeBox(root, path, method, operation));
              }
            }
            for (const box of boxes) section.append(box.details);
            sections.push({ section, boxes });
            main.append(section);
          }
          document.getElementById('state').remove();
          const filter = document.getElementById('filter');
          const apply = () => {
            const wanted = filter.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
            let count = 0;
            for (const { section, boxes } of sections) {
              let some = false;
              for (const { details, text } of boxes) {
                const fits = wanted.every((word) => text.includes(word));
                details.hidden = !fits;
                if (fits) { count += 1; some = true; }
              }
              section.hidden = !some;
            }
            document.getElementById('found').textContent = count + (count === 1 ? ' route' : ' routes');
          };
          filter.addEventListener('input', apply);
          apply();
          const linked = document.getElementById(location.hash.slice(1));
          if (linked && linked.tagName === 'DETAILS') {
            linked.open = true;
            linked.scrollIntoView();
          }
        }

        fetch('/openapi.json')
          .then((response) => (response.ok ? response.json() : Promise.reject(new Error('status ' + response.status))))
          .then(show)
          .catch((error) => {
            const state = document.getElementById('state') || document.getElementById('found');
            state.textContent = 'The document could not be shown: ' + error.message;
          });

        """##
}
