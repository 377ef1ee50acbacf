"""Parts that only the packaged small model needs: distillation and closed-form initialisation."""
