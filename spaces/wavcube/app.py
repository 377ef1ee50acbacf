"""The page of `wavcube app` as a Hugging Face Space, which says itself where to listen."""

from wavcube.integrations.app import serve

serve(host=None)
