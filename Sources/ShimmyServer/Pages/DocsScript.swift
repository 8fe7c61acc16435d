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

        // Makes an element whose text may contain code between backticks.
        function makeText(tag, className, text) {
          const element = make(tag, className);
          const parts = text.split('`');
          if (parts.length % 2 === 0) return make(tag, className, text);
          element.append(...parts.map((part, index) => (index % 2 === 1 ? make('code', '', part) : part)));
          return element;
        }

        function makeHeading(title, media) {
          const heading = make('h3', '', title);
          if (media) heading.append(' ', make('span', 'media', media));
          return heading;
        }

        function resolved(root, value) {
          for (let steps = 0; steps < 8 && value && typeof value.$ref === 'string'; steps += 1) {
            value = value.$ref.replace(/^#\//, '').split('/').reduce((part, key) => (part ? part[key] : undefined), root);
          }
          return value || {};
        }

        function alternatives(schema) {
          return schema.anyOf || schema.oneOf;
        }

        function typeName(schema) {
          if (alternatives(schema)) return [...new Set(alternatives(schema).map(typeName))].join(' or ');
          if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(', ');
          if (Array.isArray(schema.type)) return schema.type.join(' or ');
          if (schema.type === 'array') {
            const items = schema.items ? typeName(schema.items) : 'any';
            return 'array of ' + (items === 'any' ? 'any values' : items);
          }
          const name = schema.type || 'any';
          if (schema.minimum !== undefined && schema.maximum !== undefined) return `${name}, ${schema.minimum} to ${schema.maximum}`;
          if (schema.minimum !== undefined) return `${name} ≥\u00a0${schema.minimum}`;
          if (schema.maximum !== undefined) return `${name} ≤\u00a0${schema.maximum}`;
          return name;
        }

        // Returns the schema with the members of a value, which may be one of several forms or the element of an array.
        function withMembers(schema) {
          for (const form of [schema, ...(alternatives(schema) || [])]) {
            if (form.properties) return form;
            if (form.items && form.items.properties) return form.items;
          }
          return undefined;
        }

        // Returns the item of a field. Its members, if it has some, show when it is opened; those of a body's required field show at once.
        function fieldItem(name, schema, required, level) {
          const item = make('li');
          const inner = level < deepest ? withMembers(schema) : undefined;
          const head = inner ? make('summary') : item;
          head.append(make('span', 'name', name), ' ', make('span', 'type', typeName(schema)));
          if (required) head.append(' ', make('span', 'required', 'required'));
          if (inner) {
            const details = make('details');
            details.open = Boolean(required) && level === 0;
            head.append(make('span', 'chevron'));
            details.append(head, fieldList(inner, level + 1));
            item.append(details);
          }
          if (schema.description) head.append(makeText('span', 'text', schema.description));
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
            box.append(makeHeading(title, type));
            const schema = content.schema || content['x-item-schema'] || {};
            const choices = alternatives(schema);
            const forms = choices && !withMembers({ ...schema, anyOf: [] }) ? choices : [schema];
            for (const [index, form] of forms.entries()) {
              const inner = withMembers(form);
              if (index > 0) box.append(make('p', 'note', 'or'));
              if (inner && form.type === 'array') box.append(make('p', 'note', 'an array of objects with'));
              const type = typeName(form);
              box.append(inner ? fieldList(inner, 0) : make('p', 'note', type === 'any' ? 'The fields are not listed.' : type));
            }
            const refused = schema['x-refused-fields'] || [];
            if (refused.length > 0) box.append(make('p', 'note', 'Refused with a 400: ' + refused.join(', ')));
          }
        }

        function addParameters(box, parameters) {
          if (parameters.length === 0) return;
          box.append(makeHeading('Parameters'));
          const list = make('ul', 'fields');
          for (const parameter of parameters) {
            const item = fieldItem(parameter.name, { ...parameter.schema, description: parameter.description }, parameter.required, 0);
            item.querySelector('.type').after(' ', make('span', 'note', 'in the ' + parameter.in));
            list.append(item);
          }
          box.append(list);
        }

        function addResponses(box, root, responses) {
          for (const [status, reference] of Object.entries(responses || {})) {
            if (status >= '300') continue;
            const response = resolved(root, reference);
            addBody(box, 'Response ' + status, response.content);
            if (response['x-message-schema']) {
              addBody(box, 'Messages of the client', { 'application/json': { schema: response['x-message-schema'] } });
              addBody(box, 'Messages of the server', { 'application/json': { schema: response['x-item-schema'] } });
            } else if (!response.content) box.append(makeHeading('Response ' + status), make('p', 'note', 'without a body'));
          }
          const list = make('ul', 'fields errors');
          for (const [status, reference] of Object.entries(responses || {})) {
            if (status < '300') continue;
            const item = make('li');
            item.append(make('span', 'name', status), makeText('span', 'text', resolved(root, reference).description || ''));
            list.append(item);
          }
          if (list.childElementCount > 0) box.append(makeHeading('Errors'), list);
        }

        function fill(box, root, operation) {
          const others = operation['x-other-paths'] || [];
          if (others.length > 0) box.append(makeText('p', 'note', 'Also at ' + others.map((other) => '`' + other + '`').join(', ')));
          addParameters(box, operation.parameters || []);
          if (operation.requestBody) addBody(box, 'Request', operation.requestBody.content);
          addResponses(box, root, operation.responses);
        }

        // Returns the names of all fields of a request.
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
          const about = operation.description || '';
          summary.append(make('span', 'method ' + method, method.toUpperCase()), ' ', make('span', 'path', path));
          if (about) summary.append(' ', makeText('span', 'about', about));
          details.append(summary);
          details.id = operation.operationId;
          details.addEventListener('toggle', () => {
            if (!details.open) return;
            history.replaceState(null, '', '#' + details.id);
            if (details.childElementCount > 1) return;
            const inside = make('div', 'inside');
            fill(inside, root, operation);
            details.append(inside);
          });
          const names = (operation.parameters || []).map((parameter) => parameter.name);
          const paths = [path, ...(operation['x-other-paths'] || [])];
          const text = [method, ...paths, about, ...names, ...words(operation.requestBody || {}, [])].join(' ').toLowerCase();
          return { details, text };
        }

        function addSection(root, tag) {
          const section = make('section');
          const heading = make('h2', '', tag.name);
          const list = make('div', 'routes');
          const boxes = [];
          for (const [path, item] of Object.entries(root.paths)) {
            for (const method of methods) {
              const operation = item[method];
              if (operation && operation.tags[0] === tag.name) boxes.push(routeBox(root, path, method, operation));
            }
          }
          heading.id = 'section-' + tag.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
          list.append(...boxes.map((box) => box.details));
          section.append(heading, list);
          document.getElementById('routes').append(section);
          const link = make('a', '', tag.name);
          link.href = '#' + heading.id;
          document.getElementById('sections').append(link);
          return { section, link, boxes };
        }

        function show(root) {
          document.getElementById('about').textContent = root.info.description;
          document.getElementById('version').textContent = 'version ' + root.info.version;
          const sections = root.tags.map((tag) => addSection(root, tag));
          document.getElementById('state').remove();
          const filter = document.getElementById('filter');
          const apply = () => {
            const wanted = filter.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
            let count = 0;
            for (const { section, link, boxes } of sections) {
              let some = false;
              for (const { details, text } of boxes) {
                const fits = wanted.every((word) => text.includes(word));
                details.hidden = !fits;
                if (fits) { count += 1; some = true; }
              }
              section.hidden = !some;
              link.hidden = !some;
            }
            const number = count === 0 ? 'No' : count;
            document.getElementById('found').textContent = number + (count === 1 ? ' route' : ' routes') + (wanted.length > 0 ? ' found' : '');
          };
          // Opens the route that the address names.
          const follow = () => {
            // Firefox warns about an empty ID.
            const linked = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
            if (!linked || !linked.matches('.route, h2')) return;
            if (linked.closest('[hidden]')) {
              filter.value = '';
              apply();
            }
            if (linked.matches('.route')) linked.open = true;
            linked.scrollIntoView();
          };
          filter.addEventListener('input', apply);
          window.addEventListener('hashchange', follow);
          apply();
          follow();
        }

        document.getElementById('state').textContent = 'Loading …';
        fetch('/openapi.json')
          .then((response) => (response.ok ? response.json() : Promise.reject(new Error('status ' + response.status))))
          .then(show)
          .catch((error) => {
            const state = document.getElementById('state') || document.getElementById('found');
            state.textContent = 'The document could not be shown: ' + error.message;
          });

        """##
}
