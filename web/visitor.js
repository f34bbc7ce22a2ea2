// The demonstration site: embeds the widget exactly as any site would, and shows the line that does it.
(function () {
  'use strict';
  const domain = new URLSearchParams(location.search).get('domain') || location.hostname;
  const service = new URLSearchParams(location.search).get('service');
  const tag = document.createElement('script');
  tag.src = '/web/widget.js';
  tag.dataset.domain = domain;
  tag.dataset.open = '';
  if (service) tag.dataset.service = service;
  document.getElementById('line').textContent = `<script src="${location.origin}/web/widget.js" data-domain="${domain}"></` + 'script>';
  document.body.append(tag);
})();
